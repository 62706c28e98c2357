import type { Output } from './print-log.ts'

/** What a command has of the process that it runs in. The commands know no other process, so a test can run them in its own. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: AsyncIterable<Buffer>
  readonly stdout: Output
  readonly stderr: Output & { readonly isTTY?: boolean | undefined }
  /** Where log lines go. A write is done when it returns: a process that is killed has said what it knew. */
  readonly log: Output
  /** Calls the listener whenever the command is told to end. Returns the function that takes the listener away. */
  onSignal(listener: () => void): () => void
  /** Ends the process at once. */
  kill(): void
}
