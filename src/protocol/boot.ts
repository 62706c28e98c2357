import type { MessagePort } from 'node:worker_threads'
import type { Heartbeat } from '../core/lifecycle/heartbeat.ts'
import type { MemoryBudget } from '../core/lifecycle/memory-budget.ts'
import type { ResolvedConnectionOptions } from './options/connection-options.ts'

/** Boot data of a bot worker without the fields of one incarnation. */
export type BotIdentity = Omit<BotBoot, 'incarnation' | 'controlPort' | 'dataPort' | 'heartbeat' | 'memoryMb'>

/** Limits that the watchdog of a bot worker enforces. */
export interface WorkerLimits extends MemoryBudget {
  readonly heartbeatMs: number
}

/** workerData of a bot worker: all its settings. */
export interface BotBoot extends MemoryBudget {
  readonly botId: string
  readonly incarnation: number
  readonly appId: string
  /** Only this bot's own secret. */
  readonly appSecret: string
  /** `https://open.feishu.cn`, `https://open.larksuite.com`, or another origin. */
  readonly domain: string
  /** The bot's open id is known already. */
  readonly isIdentified: boolean
  readonly connection: ResolvedConnectionOptions
  readonly heartbeat: Heartbeat
  /** Carries the comlink calls of protocol/control. */
  readonly controlPort: MessagePort
  /** Carries protocol/data. */
  readonly dataPort: MessagePort
}
