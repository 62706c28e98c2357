/** What became of a callback: the user sees the answer, or an error. */
export type CallbackAnswer =
  | { readonly kind: 'answered'; readonly code: number; readonly data?: unknown; readonly latencyMs: number }
  | { readonly kind: 'timeout' }
  /** The app had no connection. */
  | { readonly kind: 'unreachable' }
