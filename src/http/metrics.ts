import type { SupervisorStatus } from '../protocol/status.ts'
import { connectionWord } from '../protocol/connection-word.ts'

type Labels = Readonly<Record<string, string>>

interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly samples: readonly { readonly labels?: Labels; readonly value: number }[]
}

export interface MetricsInput {
  readonly status: SupervisorStatus
  readonly fastAttempts: number
  /** Since this process started, by stage. */
  readonly messageCounts: ReadonlyMap<string, number>
  /** Of the host's own thread, in the time since the last answer. */
  readonly eventLoopDelaySeconds: { readonly mean: number; readonly max: number }
}

/** The text format of Prometheus, version 0.0.4. Bots are labelled with their ids alone: names are the users' own. */
export function metricsText(input: MetricsInput): string {
  return metricsOf(input).map(toText).join('')
}

function metricsOf({ status, fastAttempts, messageCounts, eventLoopDelaySeconds }: MetricsInput): Metric[] {
  const { bots, pool, inbox, store, restarts, state } = status
  const one = (value: number | boolean) => [{ value: Number(value) }]
  const perBot = (value: (bot: (typeof bots)[number]) => number) =>
    bots.map((bot) => ({ labels: { bot: bot.botId }, value: value(bot) }))
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name,
    type: 'gauge',
    help,
    samples,
  })
  const counter = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name,
    type: 'counter',
    help,
    samples,
  })
  const words = bots.map((bot) => ({
    labels: { bot: bot.botId, state: connectionWord(bot, fastAttempts) },
    value: 1,
  }))
  return [
    gauge('feishu_supervisor_up', 'The supervisor thread runs.', one(state === 'running')),
    counter('feishu_supervisor_restarts_total', 'Restarts of the supervisor thread.', one(restarts)),
    gauge('feishu_store_ready', 'The database answers.', one(store.ready)),
    gauge('feishu_bot_state', 'The state of each bot, as a label.', words),
    gauge(
      'feishu_bot_failed_attempts',
      'Failed attempts since the last good connection.',
      perBot(({ connection }) => connection.attempt),
    ),
    counter(
      'feishu_bot_restarts_total',
      'Restarts of the worker of each bot.',
      perBot(({ child }) => child.restartCount),
    ),
    gauge('feishu_inbox_depth', 'Events that are not answered yet.', one(inbox.depth)),
    gauge('feishu_inbox_oldest_age_seconds', 'Age of the oldest of them.', one(inbox.oldestAgeMs / 1_000)),
    gauge('feishu_dead_letters', 'Events and replies that were given up.', one(inbox.dead)),
    gauge('feishu_pool_threads', 'Threads of the chat pool.', one(pool.threads)),
    gauge('feishu_pool_busy', 'Threads that run a handler.', one(pool.busy)),
    gauge('feishu_pool_queued', 'Messages that wait for a thread.', one(pool.queued)),
    counter(
      'feishu_messages_total',
      'Steps of messages since this process started.',
      [...messageCounts].map(([stage, value]) => ({ labels: { stage }, value })),
    ),
    gauge(
      'feishu_host_event_loop_delay_seconds',
      'Delay of the event loop of the host’s own thread since the last scrape.',
      Object.entries(eventLoopDelaySeconds).map(([stat, value]) => ({ labels: { stat }, value })),
    ),
  ]
}

function toText({ name, type, help, samples }: Metric): string {
  const lines = samples.map(
    ({ labels, value }) => `${name}${labels === undefined ? '' : `{${pairs(labels)}}`} ${value}`,
  )
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

function pairs(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${value.replaceAll(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`)
    .join(',')
}
