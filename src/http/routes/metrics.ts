import { Counter, Gauge, Registry } from 'prom-client'
import { type BotReport, connectionWord, type SupervisorStatus } from '../../protocol/model/status.ts'

export interface MetricsInput {
  readonly status: SupervisorStatus
  readonly fastAttempts: number
  /** Event loop delay of the host thread since the last answer, seconds. */
  readonly loopDelay: { readonly mean: number; readonly max: number }
  /** Resident memory of the process, bytes. */
  readonly residentBytes: number
}

const MB = 1_048_576

/**
 * Figures of the host in the Prometheus text format. Bots are labelled only with their ids, because names belong to
 * the users. The series of a removed bot end.
 */
export async function hostMetrics({ status, fastAttempts, loopDelay, residentBytes }: MetricsInput): Promise<string> {
  const { bots, pool, inbox, store, restarts, state } = status
  const registry = new Registry()
  const registers = [registry]

  function gauge(name: string, help: string, value: number | boolean): void {
    new Gauge({ name, help, registers }).set(Number(value))
  }
  function perBot(name: string, help: string, value: (bot: BotReport) => number | undefined): void {
    const metric = new Gauge({ name, help, registers, labelNames: ['bot'] })
    for (const bot of bots) {
      const known = value(bot)
      if (known !== undefined) metric.set({ bot: bot.botId }, known)
    }
  }

  gauge('feishu_supervisor_up', 'The supervisor thread runs.', state === 'running')
  new Counter({
    name: 'feishu_supervisor_restarts_total',
    help: 'Restarts of the supervisor thread.',
    registers,
  }).inc(restarts)
  gauge('feishu_store_ready', 'The database answers.', store.ready)

  const states = new Gauge({
    name: 'feishu_bot_state',
    help: 'The state of each bot, as a label.',
    registers,
    labelNames: ['bot', 'state'],
  })
  for (const bot of bots) states.set({ bot: bot.botId, state: connectionWord(bot, fastAttempts) }, 1)
  perBot(
    'feishu_bot_failed_attempts',
    'Failed attempts since the last good connection.',
    ({ connection }) => connection.attempt,
  )
  const botRestarts = new Counter({
    name: 'feishu_bot_restarts_total',
    help: 'Restarts of the worker of each bot.',
    registers,
    labelNames: ['bot'],
  })
  for (const { botId, child } of bots) botRestarts.inc({ bot: botId }, child.restartCount)
  perBot(
    'feishu_bot_stuck_workers',
    'Workers of each bot that were given up and do not end, because they sit in native code.',
    ({ child }) => child.stuck?.count ?? 0,
  )
  perBot('feishu_bot_memory_bytes', 'Heap and Buffers of the worker of each bot.', ({ memoryMb }) =>
    memoryMb === undefined ? undefined : memoryMb * MB,
  )
  perBot(
    'feishu_bot_utilization_ratio',
    'Share of the last second in which the event loop of the worker of each bot was not waiting.',
    ({ utilization }) => utilization,
  )

  gauge('feishu_inbox_depth', 'Events that are not answered yet.', inbox.depth)
  gauge('feishu_inbox_oldest_age_seconds', 'Age of the oldest of them.', inbox.oldestAgeMs / 1_000)
  gauge('feishu_dead_letters', 'Events and replies that were given up, as stored.', inbox.dead)
  gauge('feishu_pool_threads', 'Threads of the chat pool that handlers share.', pool.threads)
  gauge('feishu_pool_busy', 'Handlers that run in the chat pool.', pool.busy)
  gauge('feishu_pool_queued', 'Claimed events that wait for room to run.', pool.queued)
  gauge('feishu_pool_stuck', 'Threads that do not end, because their handler sits in native code.', pool.stuck)
  gauge('feishu_pool_processes', 'Child processes of handlers.', pool.processes ?? 0)
  gauge('feishu_process_resident_bytes', 'Memory of the whole process.', residentBytes)

  const delay = new Gauge({
    name: 'feishu_host_event_loop_delay_seconds',
    help: 'Delay of the event loop of the host’s own thread since the last scrape.',
    registers,
    labelNames: ['stat'],
  })
  for (const [stat, value] of Object.entries(loopDelay)) delay.set({ stat }, value)
  return await registry.metrics()
}
