/** What became of a callback: the user sees the answer, or an error. */
export type CallbackAnswer =
  | { readonly kind: 'answered'; readonly code: number; readonly data?: unknown; readonly latencyMs: number }
  | { readonly kind: 'timeout' }
  /** The app had no connection. */
  | { readonly kind: 'unreachable' }

/** What a press on a card leads to; `shownError` is the code that the user sees instead of an answer. */
export type CardClickResult = { readonly eventId: string; readonly shownError?: number } & CallbackAnswer

/**
 * The code that the user is shown instead of an answer: 200341 for none in time, 200671 for a failure, 200672 for a
 * body that is no object [D]; 200340, else for an app without a callback address, where it cannot be reached [A].
 */
export function shownErrorOf(answer: CallbackAnswer): number | undefined {
  if (answer.kind === 'timeout') return 200341
  if (answer.kind === 'unreachable') return 200340
  if (answer.code !== 200) return 200671
  const { data } = answer
  return data === undefined || (typeof data === 'object' && data !== null) ? undefined : 200672
}
