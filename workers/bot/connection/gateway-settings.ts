import { asObject } from '../../../src/core/as-object.ts'

/** Bounds for the ping interval that the gateway sets, milliseconds. */
export interface PingBounds {
  readonly minPingIntervalMs: number
  readonly maxPingIntervalMs: number
}

/** Feishu's ClientConfig as the SDK reads it, in seconds. Feishu sends a ping interval of 90 or 120. */
export interface GatewaySettings {
  readonly PingInterval: number
  readonly ReconnectCount: number
  readonly ReconnectInterval: number
  readonly ReconnectNonce: number
}

/**
 * Filters the settings that come with discovery and with every pong before the SDK reads them. The ping interval is kept
 * within `bounds`, so that pings neither stop nor flood. The SDK reads a missing interval as NaN and pings without pause,
 * so a missing or invalid interval is replaced by the previous one. Settings for reconnecting are fixed, because we
 * reconnect ourselves.
 */
export function settingsGuard(bounds: PingBounds): (untrusted: unknown) => GatewaySettings {
  let seconds = bounds.maxPingIntervalMs / 1000
  return (untrusted) => {
    const ordered = asObject(untrusted)['PingInterval']
    if (typeof ordered === 'number' && ordered > 0) {
      seconds = Math.min(bounds.maxPingIntervalMs, Math.max(bounds.minPingIntervalMs, ordered * 1000)) / 1000
    }
    // With these values a failed handshake is reported at once instead of after the SDK's own delays.
    return { PingInterval: seconds, ReconnectCount: 1, ReconnectInterval: 0, ReconnectNonce: 0 }
  }
}
