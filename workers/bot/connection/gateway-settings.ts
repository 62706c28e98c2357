import { asObject } from '../../../src/core/as-object.ts'

/** The shortest and the longest pause between pings that the gateway can order, milliseconds. */
export interface PingBounds {
  readonly minPingIntervalMs: number
  readonly maxPingIntervalMs: number
}

/** Feishu's ClientConfig as the SDK reads it, in seconds. Feishu sends 90 or 120 as ping interval. */
export interface GatewaySettings {
  readonly PingInterval: number
  readonly ReconnectCount: number
  readonly ReconnectInterval: number
  readonly ReconnectNonce: number
}

/**
 * What the SDK may know of the settings that come with discovery and with every pong: a ping interval
 * that neither stops the pings nor makes a storm of them (the SDK takes a missing one for NaN and pings
 * without pause), and nothing about reconnecting, which is our own. The interval before stands where
 * there is none, or no number above zero.
 */
export function settingsGuard(bounds: PingBounds): (untrusted: unknown) => GatewaySettings {
  let seconds = bounds.maxPingIntervalMs / 1000
  return (untrusted) => {
    const ordered = asObject(untrusted)['PingInterval']
    if (typeof ordered === 'number' && ordered > 0) {
      seconds = Math.min(bounds.maxPingIntervalMs, Math.max(bounds.minPingIntervalMs, ordered * 1000)) / 1000
    }
    // A failed handshake surfaces at once instead of after the SDK's own delays.
    return { PingInterval: seconds, ReconnectCount: 1, ReconnectInterval: 0, ReconnectNonce: 0 }
  }
}
