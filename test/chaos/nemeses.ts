import type { SimulatorClient } from '../../src/simulator/control/client.ts'
import type { HostProcess } from '../support/host-process.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import { oneOf } from '../support/seeded-random.ts'

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
  /** Sends one message whose text tells the handler what to do, to a chat at random or to this one. */
  say(behaviour: string, chat?: Chat): Promise<Said>
  /** 200 messages at once, each in a chat of its own, whose handlers wait for seconds. */
  linger(): Promise<unknown>
  /** Ends by itself when the run ends. */
  pause(ms: number): Promise<void>
  readonly proxy?: FaultProxy
  readonly database?: { stop(how: 'crash'): Promise<void>; start(): Promise<void> }
  /** Which supervisor thread runs the handler of this message now, as the database has it; past all faults. */
  executingOwner?(messageId: string): Promise<string | undefined>
}

export interface Chat {
  readonly appId: string
  readonly chatId: string
}

export interface Said {
  readonly messageId: string
  readonly chat: Chat
}

interface Nemesis {
  readonly name: string
  readonly kind: 'kill' | 'fault'
  readonly stores: readonly ('pglite' | 'postgres')[]
  strike(arena: Arena): Promise<unknown>
}

/** A process has started and the lease of another has run out by then. */
const EXECUTING_WITHIN_MS = 15_000

const BOTH = ['pglite', 'postgres'] as const
const POSTGRES = ['postgres'] as const

/** Everything that may go wrong; each strike leaves the world able to heal. */
export const NEMESES = [
  { name: 'process', kind: 'kill', stores: BOTH, strike: (arena) => arena.restartHost() },
  { name: 'workers', kind: 'kill', stores: BOTH, strike: (arena) => arena.host.order('killBot', any(arena).botId) },
  { name: 'pool', kind: 'kill', stores: BOTH, strike: (arena) => arena.say('exit-once') },
  { name: 'supervisor', kind: 'kill', stores: BOTH, strike: (arena) => arena.host.order('killSupervisor') },
  { name: 'stall', kind: 'fault', stores: BOTH, strike: (arena) => arena.host.order('stall', 1_500) },
  // Goes on by itself beside the others, see run-chaos.ts.
  { name: 'slow', kind: 'fault', stores: BOTH, strike: (arena) => arena.linger() },
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
    // The first process sleeps longer than its lease, and wakes up while a second one does its work over again. What
    // it has to say of that work would let the next message of the chat overtake, if it counted.
    name: 'takeover',
    kind: 'kill',
    stores: POSTGRES,
    async strike(arena) {
      const first = arena.host
      try {
        const { messageId, chat } = await arena.say(`undecided in ${first.pid},`)
        const owner = await executing(arena, messageId)
        await arena.say('next', chat)
        await first.kill('SIGSTOP')
        await arena.secondHost()
        await executing(arena, messageId, owner)
        await first.kill('SIGCONT')
        await arena.pause(1_500)
      } finally {
        if (arena.host !== first) await first.kill()
        else await first.kill('SIGCONT')
      }
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

/** The supervisor thread that runs the handler of this message, once there is one other than this. */
async function executing({ executingOwner, pause }: Arena, messageId: string, otherThan?: string): Promise<string> {
  for (const until = Date.now() + EXECUTING_WITHIN_MS; Date.now() < until; await pause(25)) {
    const owner = await executingOwner?.(messageId)
    if (owner !== undefined && owner !== otherThan) return owner
  }
  throw new Error('the message that was to be handled twice was not')
}

export type NemesisName = (typeof NEMESES)[number]['name']

function any({ apps, random }: Arena): Arena['apps'][number] {
  return oneOf(apps, random)
}
