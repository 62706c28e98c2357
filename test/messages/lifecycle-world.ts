import { FakeClock } from '../support/fake-clock.ts'
import { hasViolation, judge, type Message, type RunPlan } from './lifecycle-history.ts'
import { Instance, type Environment } from './lifecycle-instance.ts'
import { Leases } from './lifecycle-leases.ts'
import type { Call, CallFault, Network, Point } from './lifecycle-link.ts'
import { FakePlatform } from './lifecycle-platform.ts'
import type { Process } from './lifecycle-process.ts'
import { withUnknownAttempts } from './lifecycle-unknown-attempts.ts'
import { messageOf, Watch } from './lifecycle-watch.ts'
import { MemoryStore } from './memory-store.ts'
import type { Plant } from './planted-bugs.ts'

export interface Trap {
  readonly point: Point
  /** 0: the process dies there. */
  readonly freezeMs: number
  /** And the database is away for so long. */
  readonly darkMs: number
}

const RESTART_MS = 800
const QUIET_STEP_MS = 1_000
const CALM_MS = 8_000
const LONGEST_DRAIN_MS = 1_500_000
/** An idle instance begins what it stored at once, long before it would look by itself. */
const WAKE_MS = 400
const PLAIN_RUN: RunPlan = { kind: 'reply', parts: 1, ms: 100 }

/** A platform, one database and the instances on it, all in virtual time and from one seed. */
export class World {
  readonly clock = new FakeClock()
  readonly platform: FakePlatform
  readonly callFaults: { readonly call: Call; readonly fault: CallFault }[] = []
  readonly traps: Trap[] = []
  readonly #watch: Watch
  readonly #environment: Environment
  readonly #instances = new Set<Instance>()
  readonly #startedAt = this.clock.now()
  #wanted = 1
  #started = 0
  #downUntil = 0

  constructor(seed: number, plant: Plant) {
    const random = randomFrom(seed)
    const store = new MemoryStore(this.clock)
    const watch = new Watch(store)
    const inbox = withUnknownAttempts(plant.store?.(store) ?? store, this.clock)
    const platform = new FakePlatform(
      this.clock,
      random,
      (fact) => watch.record(fact),
      (id) => store.rows.some((row) => messageOf(row) === id),
    )
    const network: Network = {
      clock: this.clock,
      faultOf: (call) => this.#take(this.callFaults, (planned) => planned.call === call)?.fault,
      isDown: () => this.clock.now() < this.#downUntil,
      latency: () => 1 + Math.floor(random() * 15),
      lateness: () => 2_000 + Math.floor(random() * 8_000),
      remembers: () => random() < 0.7,
      pass: (point, process) => this.#pass(point, process),
    }
    const leases = new Leases(store, this.clock, plant, (owner, held) => watch.revoked(owner, held))
    this.platform = platform
    this.#watch = watch
    this.#environment = {
      clock: this.clock,
      random,
      network,
      inbox,
      leases,
      watch,
      plant,
      send: (_botId, reply) => platform.send(reply),
      planOf: (id) => this.#planOf(id),
    }
    this.#start()
  }

  instance(pick: number): Instance | undefined {
    const alive = [...this.#instances]
    return alive[pick % Math.max(1, alive.length)]
  }

  outage(ms: number): void {
    this.#downUntil = this.clock.now() + ms
  }

  scale(wanted: number): void {
    this.#wanted = wanted
    if (this.#instances.size < wanted) this.#start()
  }

  /** Ends all faults, lets everything come to its end, and answers what was wrong. */
  async verdict(): Promise<string[]> {
    this.traps.length = 0
    this.callFaults.length = 0
    this.platform.fates.length = 0
    this.platform.lostAcks = 0
    this.#downUntil = 0
    for (const { process } of this.#instances) process.thaw()
    await this.#drain()
    await this.#probe()
    const { history, store } = this.#watch
    const tookMs = this.clock.now() - this.#startedAt
    return judge({ history, rows: store.rows, messages: this.platform.messages, tookMs })
  }

  async #drain(): Promise<void> {
    const until = this.clock.now() + LONGEST_DRAIN_MS
    while (!this.#isQuiet() && this.clock.now() < until && !hasViolation(this.#watch.history)) {
      await this.clock.advance(QUIET_STEP_MS)
    }
  }

  async #probe(): Promise<void> {
    if (!this.#isQuiet()) return
    const probe: Message = { id: 'probe', botId: 'a', chat: 'p', runs: [PLAIN_RUN], refusedPart: undefined }
    // Stops, restarts and pauses after failed calls are over by then.
    await this.clock.advance(CALM_MS)
    this.platform.say(probe, false)
    await this.clock.advance(WAKE_MS)
    const { history } = this.#watch
    if (!history.some((fact) => fact.kind === 'run' && fact.id === probe.id)) {
      history.push({ kind: 'violation', what: 'an idle instance was not woken' })
    }
    await this.#drain()
  }

  #isQuiet(): boolean {
    const { rows } = this.#watch.store
    const isOver = rows.every(
      ({ state, replies }) =>
        state === 'dead' || (state === 'completed' && replies.every((reply) => reply.state !== 'pending')),
    )
    return isOver && this.platform.isQuiet && this.#instances.size > 0
  }

  #planOf(id: string): RunPlan {
    const { runs } = this.platform.messages.find((message) => message.id === id) ?? { runs: [] }
    const before = this.#watch.history.filter((fact) => fact.kind === 'run' && fact.id === id).length
    const plan = runs[Math.min(before, runs.length - 1)] ?? PLAIN_RUN
    if (before > 3 * runs.length + 12) {
      this.#watch.record({ kind: 'violation', what: `${id} is run again and again` })
    }
    return plan
  }

  #start(): void {
    this.#started += 1
    const owner = `i${this.#started}`
    const instance = new Instance(owner, this.#environment, () => {
      this.#watch.record({ kind: 'ended', owner })
      this.#instances.delete(instance)
      this.platform.ports.delete(instance)
      this.clock.after(RESTART_MS, () => {
        if (this.#instances.size < this.#wanted) this.#start()
      })
    })
    this.#instances.add(instance)
    this.platform.ports.add(instance)
    void instance.start()
  }

  #pass(point: Point, process: Process): void {
    const trap = this.#take(this.traps, (armed) => armed.point === point)
    if (trap === undefined) return
    if (trap.darkMs > 0) this.outage(trap.darkMs)
    if (trap.freezeMs === 0) process.die()
    else process.freeze(trap.freezeMs)
  }

  #take<T>(planned: T[], isMeant: (item: T) => boolean): T | undefined {
    const index = planned.findIndex(isMeant)
    return index < 0 ? undefined : planned.splice(index, 1)[0]
  }
}

/** A small generator, so that a failing run can be repeated from its seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
