import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { LoopDelay } from '../../../src/core/time/loop-delay.ts'
import type { MessageEvent, NamedEvent } from '../../../src/protocol/model/events.ts'

/** Bucket limits in seconds, from a fast commit to the time limit of a handler. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]

/** Known reasons of dead letters. Other texts are counted as `other`, so that they cannot create new series. */
const DEAD_REASONS: ReadonlySet<string> = new Set([
  'attempts_exhausted',
  'expired',
  'payload_too_large',
  'bad_payload',
  'refused',
  'outcome_unknown',
  'gave_up',
  'crashed_process',
])

/** Figures of the supervisor thread since its start, counted from its events. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #delay = new LoopDelay()
  readonly #stages = new Histogram({
    name: 'feishu_message_stage_seconds',
    help: 'Time of messages on their way, by stage.',
    labelNames: ['stage'],
    buckets: BUCKETS,
    registers: [this.#registry],
  })
  readonly #steps = this.#counter('feishu_messages_total', 'Messages that came to a stage.', 'stage')
  readonly #dead = this.#counter('feishu_dead_letters_total', 'Events and replies that were given up.', 'reason')
  readonly #restarts = this.#counter('feishu_worker_restarts_total', 'Restarts of bot workers.', 'reason')
  readonly #alerts = this.#counter('feishu_alerts_total', 'Alerts that were raised.', 'kind')

  constructor() {
    const delay = this.#delay
    void new Gauge({
      name: 'feishu_supervisor_event_loop_delay_seconds',
      help: 'Delay of the event loop of the supervisor thread since the last scrape.',
      labelNames: ['stat'],
      registers: [this.#registry],
      collect() {
        for (const [stat, value] of Object.entries(delay.take())) this.set({ stat }, value)
      },
    })
  }

  observe(named: NamedEvent): void {
    if (named.kind === 'message') this.#message(named.event)
    if (named.kind === 'restart') this.#restarts.inc({ reason: named.event.reason })
    if (named.kind === 'alert' && named.event.state === 'raised') this.#alerts.inc({ kind: named.event.kind })
  }

  /** Counts an acknowledgement, `ms` milliseconds after the event was stored or the card action was answered. */
  acked(ms: number): void {
    this.#observeStage('persisted_acked', ms)
  }

  /** All figures in the Prometheus text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  close(): void {
    this.#delay.close()
  }

  #message(event: MessageEvent): void {
    this.#steps.inc({ stage: event.stage })
    switch (event.stage) {
      case 'received':
        if (!event.duplicate) this.#observeStage('received_persisted', event.persistMs)
        break
      case 'handled':
        this.#observeStage('persisted_claimed', event.waitMs)
        this.#observeStage('claimed_handled', event.handleMs)
        break
      case 'replied':
        this.#observeStage('handled_replied', event.sendMs)
        this.#observeStage('received_replied', event.totalMs)
        break
      case 'dead':
        this.#dead.inc({ reason: DEAD_REASONS.has(event.reason) ? event.reason : 'other' })
        break
      case 'retry':
        break
    }
  }

  #observeStage(stage: string, ms: number | undefined): void {
    if (ms !== undefined) this.#stages.observe({ stage }, ms / 1_000)
  }

  #counter<Label extends string>(name: string, help: string, label: Label): Counter<Label> {
    return new Counter({ name, help, labelNames: [label], registers: [this.#registry] })
  }
}
