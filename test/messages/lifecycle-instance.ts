import type { Clock } from '../../src/core/time/clock.ts'
import { type Deferred, deferred } from '../../src/core/time/deferred.ts'
import type { SendReply } from '../../src/messages/reply/deliver-replies.ts'
import { createDispatcher } from '../../src/messages/create-dispatcher.ts'
import type { Dispatcher } from '../../src/messages/dispatch/dispatcher.ts'
import type { HandlerPool } from '../../src/messages/pool/handler-pool.ts'
import { Intake } from '../../src/messages/intake/intake.ts'
import type { MessagesOptions } from '../../src/messages/options.ts'
import { DEFAULT_OPTIONS } from './default-options.ts'
import type { ChatOutcome, ChatTask } from '../../src/protocol/chat.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'
import { failed, handled, noCards, noCalls, oneHandler, plainBots } from './dispatcher-bench.ts'
import { MAX_ATTEMPTS, type RunPlan } from './lifecycle-history.ts'
import type { Leases } from './lifecycle-leases.ts'
import { Link, type Network, type SharedInbox } from './lifecycle-link.ts'
import type { Port } from './lifecycle-platform.ts'
import { Process } from './lifecycle-process.ts'
import { messageOf, type Watch } from './lifecycle-watch.ts'
import type { Plant } from './planted-bugs.ts'

const OPTIONS: MessagesOptions = {
  ...DEFAULT_OPTIONS,
  threads: 3,
  handlerTimeoutMs: 6_000,
  maxAttempts: MAX_ATTEMPTS,
  backoff: { firstMs: 500, maxMs: 4_000, factor: 2, jitter: 0.2 },
  maxReplyAttempts: 60,
  replyBackoff: { firstMs: 200, maxMs: 2_000, factor: 2, jitter: 0.2 },
  sendTimeoutMs: 5_000,
  storeBackoff: { firstMs: 100, maxMs: 1_000, factor: 2, jitter: 0.2 },
  maxBatch: 4,
}
/** The bot worker refuses an event that is not stored by then. */
const ACCEPT_LIMIT_MS = 2_500
const TICK_MS = 2_000
/** How long a stop waits until it is stored. */
const MOST_DRAIN_MS = 200

/** From so many deaths on a message runs in a child process, which dies in place of the instance. */
const ALONE_FROM = 2
const CHILD_DIED: ChatOutcome = {
  kind: 'failed',
  error: { code: 'HANDLER_PROCESS_DIED', message: 'the child process died', retryable: true },
}

export interface Environment {
  readonly clock: Clock
  readonly random: () => number
  readonly network: Network
  readonly inbox: SharedInbox
  readonly leases: Leases
  readonly watch: Watch
  readonly plant: Plant
  readonly send: SendReply
  /** How the next run of a message goes. */
  planOf(id: string): RunPlan
}

/** One whole instance of the real code, with everything it lives on made to fail. */
export class Instance implements Port, HandlerPool {
  readonly capacity = OPTIONS.threads
  readonly process: Process
  readonly #world: Environment
  readonly #link: Link
  readonly #intake: Intake
  readonly #dispatcher: Dispatcher
  readonly #running = new Set<Deferred<ChatOutcome>>()
  #isStopping = false
  #fullUntil = 0

  constructor(owner: string, world: Environment, onDeath: () => void) {
    const { clock, network, watch, random, plant } = world
    this.#world = world
    this.process = new Process(owner, clock, onDeath)
    this.#link = new Link(world.inbox, network, this.process, {
      rows: watch.store.rows,
      onClaimed: (items) => watch.claimed(owner, items),
      givesLostBack: plant.keepsLostClaims !== true,
    })
    const plain = { inbox: watch.observed(owner, this.#link), send: this.#send }
    const { inbox, send } = plant.instance?.(plain, watch.store, owner) ?? plain
    // Cards, which are claimed by their id, are not part of this.
    const claimEvent = (): Promise<null> => Promise.resolve(null)
    const common = { inbox: { ...inbox, claimEvent }, clock: this.process, random, emit: () => {} }
    const dispatcher = createDispatcher({
      ...common,
      replies: watch.store,
      callCard: noCards,
      executors: { pool: this, exclusive: this, process: this, host: this },
      handlers: oneHandler('message'),
      contextServer: noCalls,
      bots: plainBots,
      owner,
      sendReply: send,
      options: OPTIONS,
    })
    this.#dispatcher = dispatcher
    this.#intake = new Intake({
      ...common,
      maxBatch: OPTIONS.maxBatch,
      maxWaiting: OPTIONS.maxWaiting,
      offer: () => (plant.isDeaf ? undefined : dispatcher.offer()),
      onCommitted: (events, claimed) => {
        if (!plant.isDeaf) dispatcher.arrived(events, claimed)
      },
    })
  }

  get isFull(): boolean {
    return this.process.now() < this.#fullUntil || this.#running.size >= this.capacity
  }

  /** No run finds a free executor, as when bots have just got another handler: each is given back uncounted, again and again. */
  crowd(ms: number): void {
    this.#fullUntil = this.process.now() + ms
  }

  get isOpen(): boolean {
    return !this.process.isDead && !this.#isStopping
  }

  async start(): Promise<void> {
    while (!(await this.#renew())) await this.process.wait(TICK_MS / 4)
    this.#dispatcher.start()
    while (this.isOpen) {
      await this.process.wait(TICK_MS)
      await this.#renew()
    }
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.isOpen) return
    this.#isStopping = true
    await Promise.race([this.#renew(), this.process.wait(MOST_DRAIN_MS)])
    await this.#dispatcher.stop(graceMs)
    const { leases } = this.#world
    const ended = this.#link.call('lease', async () => leases.release(this.process.owner))
    await ended.catch(() => {})
    this.process.die()
  }

  push(botId: string, event: FeishuEvent, answer: (isAccepted: boolean) => void): void {
    this.process.enter(() => {
      const { network, plant } = this.#world
      const cancel = this.process.after(ACCEPT_LIMIT_MS, () => answer(false))
      const accepted = this.#intake.accept(botId, event)
      const stored = plant.isHasty ? Promise.resolve() : accepted
      accepted.catch(() => {})
      void stored
        .then(
          () => true,
          () => false,
        )
        .then((isStored) => {
          cancel()
          network.pass('ack', this.process)
          this.process.enter(() => answer(isStored && !this.#isStopping))
        })
    })
  }

  run(task: ChatTask, timeoutMs: number): Promise<ChatOutcome> {
    if (task.kind !== 'event' || task.event.kind !== 'message' || this.process.isDead) return new Promise(() => {})
    const { watch, network } = this.#world
    const { messageId } = task.event
    const plan = this.#world.planOf(messageId)
    const outcome = deferred<ChatOutcome>()
    const began = watch.run(this.process, messageId, plan.kind)
    this.#running.add(outcome)
    network.pass('run.began', this.process)
    this.process.after(timeoutMs, () => outcome.resolve(failed('too late')))
    const { deaths = 0 } = watch.store.rows.find((row) => messageOf(row) === messageId) ?? {}
    const text = `${messageId}#${task.attempt}${this.process.owner}`
    this.process.after(plan.ms, () => this.#end(plan, text, outcome, deaths >= ALONE_FROM))
    return outcome.promise.then((ended) => {
      this.#running.delete(outcome)
      watch.end(began)
      if (ended.kind === 'handled') {
        watch.record({ kind: 'handled', id: messageId, contents: ended.replies.map(({ content }) => content) })
      } else watch.record({ kind: 'failed', id: messageId })
      network.pass('run.ended', this.process)
      return this.process.reach(() => Promise.resolve(ended))
    })
  }

  close(): Promise<void> {
    for (const outcome of this.#running) outcome.resolve(failed('the pool was closed'))
    return Promise.resolve()
  }

  #end(plan: RunPlan, text: string, outcome: Deferred<ChatOutcome>, isAlone: boolean): void {
    if (plan.kind === 'hang') return
    if (plan.kind === 'kill-process') return isAlone ? outcome.resolve(CHILD_DIED) : this.process.die()
    if (plan.kind !== 'reply') return outcome.resolve(failed(plan.kind))
    outcome.resolve(handled(...Array.from({ length: plan.parts }, (_none, part) => `${text}#${part}`)))
  }

  readonly #send: SendReply = (botId, reply) => {
    const { watch, network, send } = this.#world
    const began = watch.begin(this.process, reply.messageId ?? '')
    return this.process.reach(async () => {
      network.pass('send.left', this.process)
      try {
        return await send(botId, reply)
      } finally {
        watch.end(began)
        network.pass('send.answered', this.process)
      }
    })
  }

  async #renew(): Promise<boolean> {
    const { leases } = this.#world
    const { owner } = this.process
    const renewed = this.#link.call('lease', async () => {
      leases.renew(owner, this.#isStopping)
      leases.rescue(owner)
    })
    return renewed.then(
      () => true,
      () => false,
    )
  }
}
