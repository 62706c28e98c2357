/** CPU time of a message that asks for it. */
const BURN_MS = 200

/** What every subject answers, the supervisor's handler too. */
export function answerTo(text: string): string {
  if (text.startsWith('burn')) {
    for (const until = performance.now() + BURN_MS; performance.now() < until; );
  }
  return `echo: ${text}`
}
