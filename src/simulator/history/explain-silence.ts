import type { HistoryEntry } from './history.ts'

/** Explains why a message has no reply yet, from the platform's view. Part of the error text of a failed wait. */
export function explainSilence(history: readonly HistoryEntry[], appId: string, messageId: string): string {
  const about = history.filter((entry) => 'messageId' in entry && entry.messageId === messageId)
  const pushes = about.filter(({ kind }) => kind === 'pushed').length
  const codes = about.flatMap((entry) => (entry.kind === 'acked' ? [entry.code] : []))
  const refusals = history.flatMap((entry) =>
    entry.kind === 'reply_received' && entry.appId === appId && entry.code !== 0 ? [entry.code] : [],
  )
  const wasConnected = history.some((entry) => entry.kind === 'connection_ready' && entry.appId === appId)
  const delivery =
    pushes > 0
      ? `its event was pushed ${times(pushes)} and acknowledged ${codes.length > 0 ? `with ${codes.join(', ')}` : 'not at all'}`
      : `its event was never pushed: the app has ${wasConnected ? 'no connection any more' : 'never connected'}`
  return refusals.length > 0
    ? `${delivery}; message calls of the app were refused with ${refusals.join(', ')}`
    : delivery
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
