/** Outcome of a callback. The user sees the answer or an error. */
export type CallbackAnswer =
  | { readonly kind: 'answered'; readonly code: number; readonly data?: unknown; readonly latencyMs: number }
  | { readonly kind: 'timeout' }
  /** The app had no connection. */
  | { readonly kind: 'unreachable' }

/** Outcome of a click on a card. `shownError` is the code that the user sees instead of an answer. */
export type CardClickResult = { readonly eventId: string; readonly shownError?: number } & CallbackAnswer

/**
 * The code that the user sees instead of an answer: 200341 for no answer in time, 200671 for a failure, 200672 for a
 * body that is no object [D]. 200340 for an unreachable app [A]; Feishu documents it for an app without a callback
 * address.
 */
export function shownErrorOf(answer: CallbackAnswer): number | undefined {
  if (answer.kind === 'timeout') return 200341
  if (answer.kind === 'unreachable') return 200340
  if (answer.code !== 200) return 200671
  const { data } = answer
  return data === undefined || (typeof data === 'object' && data !== null) ? undefined : 200672
}
