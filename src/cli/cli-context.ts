import type { Output } from './print-log.ts'

/** Parts of the process that a command uses. Commands use only these, so a test can run them in its own process. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: AsyncIterable<Buffer>
  readonly stdout: Output
  readonly stderr: Output & { readonly isTTY?: boolean | undefined }
  /** Output for log lines. Writes are synchronous, so that no line is lost when the process is killed. */
  readonly log: Output
  /** Calls the listener at every signal to end the command. Returns the function that removes the listener. */
  onSignal(listener: () => void): () => void
  /** Ends the process at once. */
  kill(): void
}
