import type { MemoryBudget } from '../core/lifecycle/memory-budget.ts'
import type { PoolAnswer, PoolTask } from './chat.ts'
import type { RunFrame, RunReturn } from './run-channel.ts'

/** Settings of a process that runs handlers, one run at a time. They come with its first frame. */
export interface ChatProcessBoot extends MemoryBudget {
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
}

/** The file descriptor of a pipe to the supervisor's process. Its end is that of the supervisor's process. */
export const LIFE_LINE = 4

/** Frames to such a process, over its IPC channel. The frames of the run channel are wrapped, see run-channel.ts. */
export type ToChatProcess =
  | { readonly wire: 'boot'; readonly boot: ChatProcessBoot }
  | { readonly wire: 'task'; readonly task: Pick<PoolTask, 'run' | 'task'> }
  | { readonly wire: 'returns'; readonly returns: readonly RunReturn[] }

export type FromChatProcess =
  /** Its script has run. */
  | { readonly wire: 'ready' }
  | { readonly wire: 'frames'; readonly frames: readonly RunFrame[] }
  | { readonly wire: 'answer'; readonly answer: PoolAnswer }
