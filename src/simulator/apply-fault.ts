import type { Fault } from './faults/fault.ts'
import type { Platform } from './platform.ts'

/** Applies a fault of the platform. Restarts are applied elsewhere. */
export function applyFault(
  { failures, tokens, gateway }: Pick<Platform, 'failures' | 'tokens' | 'gateway'>,
  fault: Exclude<Fault, { readonly kind: 'restart_platform' }>,
): void {
  if (fault.kind === 'fail_next') return failures.fail(fault)
  if (fault.kind === 'spoil_next') return failures.spoil(fault)
  if (fault.kind === 'clear_faults') return failures.clear(fault.appId)
  if (fault.kind === 'revoke_tokens') return tokens.revoke(fault.appId)
  const { connectionId } = fault
  for (const connection of gateway.connectionsOf(fault.appId)) {
    if (connectionId !== undefined && connection.id !== connectionId) continue
    if (fault.kind === 'withhold_acks') connection.withholdAcks()
    else if (fault.kind === 'freeze_connections') connection.freeze()
    else if (fault.kind === 'forget_connections') connection.forget()
    else if (fault.mode === 'reset') connection.reset()
    else connection.close(fault.code ?? 1001)
  }
}
