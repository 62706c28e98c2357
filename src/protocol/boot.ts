import type { MessagePort } from 'node:worker_threads'
import type { BackoffPolicy } from '../core/time/backoff.ts'
import type { Heartbeat } from '../core/lifecycle/heartbeat.ts'
import type { MemoryBudget } from '../core/lifecycle/memory-budget.ts'

/** How a bot worker connects, acknowledges and sends; all durations in milliseconds. Defaults and meaning for users: src/options. */
export interface ConnectionOptions {
  /** Limit of one attempt: discovery and handshake together. Default 20 000. */
  readonly attemptTimeoutMs: number
  /** Fast retries. Default 1 s, doubled to 60 s, 20 % jitter. */
  readonly backoff: BackoffPolicy
  /** After this many failed attempts the bot shows `error` and goes on at the slowest pace. Default 5. */
  readonly fastAttempts: number
  /** Stop there instead, until somebody asks for a connection or changes the credentials. Default false. */
  readonly giveUp: boolean
  /** Wait after an error of Feishu's own servers. Default 30 000. */
  readonly serverErrorDelayMs: number
  /** Wait after `the number of connections exceeded the limit`. Default 300 000. */
  readonly limitDelayMs: number
  /** Wait after refused credentials, unless they change before. Default 1 800 000. */
  readonly credentialsDelayMs: number
  /** A connection that lived this long starts a new count of failed attempts. Default 10 000. */
  readonly stableAfterMs: number
  /** Longest silence after a ping before the socket counts as dead; shorter than Feishu's ping interval. Default 15 000. */
  readonly pongTimeoutMs: number
  /** The shortest pause between pings that the gateway can order. Default 1 000. */
  readonly minPingIntervalMs: number
  /** The longest. Default 120 000. */
  readonly maxPingIntervalMs: number
  /** How often Feishu is asked how many connections of the app it sees; 0: never. Default 300 000. */
  readonly presenceCheckMs: number
  /** A connection of this age is replaced by a fresh one; 0: never. Default 0. */
  readonly rotateEveryMs: number
  /** URL of an HTTP proxy for REST and WebSocket alike; absent: direct. */
  readonly proxy?: string | undefined
  /** Hosts that are reached without it. */
  readonly noProxy: readonly string[]
  /** PEM certificates that are trusted beside Node's own. */
  readonly ca?: string | undefined
  /** An event not stored within this time is refused, so that Feishu redelivers it; Feishu itself allows 3 s. Default 2 500. */
  readonly acceptTimeoutMs: number
  /** Events of one bot that may wait for storage at a time; more are refused. Default 512. */
  readonly creditWindow: number
  /** A bigger event becomes a dead letter of its first 4 KiB. Default 1 MiB. */
  readonly maxPayloadBytes: number
  /** Shown to whoever presses a button of a card that could not be taken or can never be handled. */
  readonly cardFailedText: string
  /** Limit of one REST call. Default 10 000. */
  readonly sendTimeoutMs: number
}

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
  readonly connection: ConnectionOptions
  readonly heartbeat: Heartbeat
  /** Carries the comlink calls of protocol/control. */
  readonly controlPort: MessagePort
  /** Carries protocol/data. */
  readonly dataPort: MessagePort
}
