import type { SimulatorClient } from '../../src/simulator/client.ts'
import type { HostProcess } from '../drill/host-process.ts'
import type { FaultProxy } from './fault-proxy.ts'

/** What a nemesis may lay hands on. */
export interface Arena {
  readonly client: SimulatorClient
  readonly host: HostProcess
  readonly apps: readonly { readonly appId: string; readonly botId: string }[]
  readonly random: () => number
  /** Resolves when the process is gone and its successor is ready. */
  restartHost(): Promise<void>
  /** Starts a second process on the same database; the first one goes on, and is no longer `host`. */
  secondHost(): Promise<HostProcess>
  /** Sends one message whose text tells the handler what to do. */
  say(behaviour: string): Promise<void>
  /** Ends by itself when the run ends. */
  pause(ms: number): Promise<void>
  readonly proxy?: FaultProxy
  readonly database?: { stop(how: 'crash'): Promise<void>; start(): Promise<void> }
}

interface Nemesis {
  readonly name: string
  readonly kind: 'kill' | 'fault'
  readonly stores: readonly ('pglite' | 'postgres')[]
  strike(arena: Arena): Promise<void>
}

/** Of the chat pool; as many slow messages keep it busy. */
export const THREADS = 2

const BOTH = ['pglite', 'postgres'] as const
const POSTGRES = ['postgres'] as const

/** Everything that may go wrong; each strike leaves the world able to heal. */
export const NEMESES = [
  { name: 'process', kind: 'kill', stores: BOTH, strike: (arena) => arena.restartHost() },
  { name: 'workers', kind: 'kill', stores: BOTH, strike: (arena) => arena.host.order('killBot', any(arena).botId) },
  { name: 'pool', kind: 'kill', stores: BOTH, strike: (arena) => arena.say('exit-once') },
  { name: 'supervisor', kind: 'kill', stores: BOTH, strike: (arena) => arena.host.order('killSupervisor') },
  { name: 'stall', kind: 'fault', stores: BOTH, strike: (arena) => arena.host.order('stall', 1_500) },
  { name: 'hang', kind: 'fault', stores: BOTH, strike: (arena) => arena.say('hang-once') },
  {
    name: 'connections',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'close_connections', appId: any(arena).appId, mode: 'reset' }),
  },
  {
    name: 'half-open',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'freeze_connections', appId: any(arena).appId }),
  },
  {
    // Acknowledgements that never arrive make Feishu push again what is long done.
    name: 'redelivery',
    kind: 'fault',
    stores: BOTH,
    async strike(arena) {
      const { appId } = any(arena)
      await arena.client.inject({ kind: 'withhold_acks', appId })
      await arena.pause(400)
      await arena.client.inject({ kind: 'close_connections', appId, mode: 'close' })
    },
  },
  {
    name: 'reply-429',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) =>
      arena.client.inject({ kind: 'fail_next', call: 'reply', count: 5, http: 429, code: 99991400, retryAfterMs: 300 }),
  },
  {
    name: 'reply-500',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'fail_next', call: 'reply', count: 3, http: 500, code: 2200 }),
  },
  {
    name: 'reply-hang',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'fail_next', call: 'reply', count: 1, hang: true }),
  },
  {
    name: 'answer-lost',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'fail_next', call: 'reply', count: 3, loseAnswer: true }),
  },
  {
    name: 'tokens',
    kind: 'fault',
    stores: BOTH,
    strike: (arena) => arena.client.inject({ kind: 'revoke_tokens', appId: any(arena).appId }),
  },
  {
    name: 'database',
    kind: 'fault',
    stores: BOTH,
    async strike(arena) {
      if (arena.proxy === undefined) return await arena.host.order('harmDatabase', { kind: 'end' })
      await arena.database?.stop('crash')
      await arena.pause(500)
      await arena.database?.start()
    },
  },
  {
    // The first process sleeps longer than its lease, and wakes up while a second one does its work over again.
    name: 'takeover',
    kind: 'kill',
    stores: POSTGRES,
    async strike(arena) {
      for (let thread = 0; thread < THREADS; thread += 1) await arena.say('slow')
      await arena.pause(150)
      const first = arena.host
      await first.kill('SIGSTOP')
      await untilBusy(await arena.secondHost(), arena)
      await first.kill('SIGCONT')
      await arena.pause(1_500)
      await first.kill()
    },
  },
  { name: 'database-reset', kind: 'fault', stores: POSTGRES, strike: async ({ proxy }) => proxy?.reset() },
  {
    name: 'cut-after-commit',
    kind: 'fault',
    stores: BOTH,
    async strike({ proxy, host }) {
      if (proxy === undefined) await host.order('harmDatabase', { kind: 'cut', answers: 3 })
      else proxy.cutAfterNextAnswers(3)
    },
  },
  {
    name: 'latency',
    kind: 'fault',
    stores: POSTGRES,
    async strike(arena) {
      arena.proxy?.delay(150)
      await arena.pause(1_000)
      arena.proxy?.delay(0)
    },
  },
] as const satisfies readonly Nemesis[]

/** Busy at several looks in a row: with slow work, not with one of the fast messages that flow all the time. */
async function untilBusy(host: HostProcess, { pause }: Arena): Promise<void> {
  let looks = 0
  for (const until = Date.now() + 6_000; looks < 4 && Date.now() < until; ) {
    await pause(50)
    const { busy } = (await host.order('status')).pool
    looks = busy > 0 ? looks + 1 : 0
  }
}

export type NemesisName = (typeof NEMESES)[number]['name']

function any({ apps, random }: Arena): Arena['apps'][number] {
  const app = apps[Math.floor(random() * apps.length)]
  if (app === undefined) throw new TypeError('there are no apps')
  return app
}
