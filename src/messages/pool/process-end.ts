/** Longest shown end of the standard error, characters. */
const MOST_SHOWN = 2_000

/** Native frames and headings in what V8 prints when it ends a process: they only push the reason out of sight. */
const NOISE = /^ *\d+: 0x[\da-f]+ |^-----.*-----$|^<---.*--->$/

/** Tells how a process ended, as what follows "the process". `stderr`: the end of its standard error. */
export function endOf(exitCode: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  const how = signal === null ? `ended with exit code ${exitCode ?? 'unknown'}` : `was ended by ${signal}`
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !NOISE.test(line.trimEnd()))
  // NUL cannot be stored.
  const said = lines.join('\n').replaceAll('\0', '')
  return said === '' ? how : `${how}; the end of its standard error: ${said.slice(-MOST_SHOWN)}`
}
