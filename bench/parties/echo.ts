/** CPU time of a message that asks for it. */
const BURN_MS = 200

/** What every subject answers, the supervisor's handler too. */
export function answerTo(text: string): string {
  if (text.startsWith('burn')) burn(BURN_MS)
  return `echo: ${text}`
}

/** Milliseconds that a message asks every subject to wait before the answer, as for a model: `wait-3000-…`. */
export function waitOf(text: string): number {
  return Number(/^wait-(\d+)/.exec(text)?.[1] ?? 0)
}

export function burn(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}
