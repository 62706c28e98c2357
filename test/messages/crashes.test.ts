import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { SendOutcome } from '../../src/protocol/data.ts'
import { createDispatcher } from '../../src/messages/create-dispatcher.ts'
import type { Dispatcher } from '../../src/messages/dispatch/dispatcher.ts'
import { DEFAULT_OPTIONS } from './default-options.ts'
import type { ChatOutcome } from '../../src/protocol/chat.ts'
import type { OutgoingReply } from '../../src/protocol/model/message.ts'
import type { InboxStore } from '../../src/store/store.ts'
import {
  failed,
  FakePool,
  handled,
  messageEvent,
  noCards,
  noCalls,
  oneHandler,
  plainBots,
  type Run,
  sendFailed,
} from './dispatcher-bench.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type Fault, MemoryStore } from './memory-store.ts'

const BOTS = ['a', 'b']
const CHATS = ['c1', 'c2', 'c3']
const MESSAGES_PER_CHAT = 4

/** A user's Feishu: shows a reply once per uuid, whatever it is told about the answer. */
class Feishu {
  readonly shown: { readonly uuid: string; readonly chat: string; readonly text: string }[] = []

  show(botId: string, { uuid, content }: OutgoingReply): void {
    if (this.shown.some((reply) => reply.uuid === uuid)) return
    const text = JSON.parse(content).text as string
    this.shown.push({ uuid, chat: `${botId}/${text.split('#')[0]}`, text })
  }
}

interface Choices {
  /** A number in [0, 1) for each thing that happens. */
  next(): number
}

/** One supervisor thread that can vanish at any moment, after which nothing of it is heard again. */
class Life {
  readonly owner: string
  isOver = false
  readonly dispatcher: Dispatcher
  readonly pool = new FakePool(3)

  constructor(owner: string, store: MemoryStore, clock: FakeClock, feishu: Feishu, choices: Choices, log: LaneLog) {
    this.owner = owner
    this.pool.answer = (run) => this.#handle(run, clock, choices, log)
    const guard = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => {
      return async (...args: Args): Promise<T> => {
        if (this.isOver) return new Promise<T>(() => {})
        const answer = await call(...args)
        return this.isOver ? new Promise<T>(() => {}) : answer
      }
    }
    const inbox: Pick<InboxStore, 'claim' | 'claimEvent' | 'finish' | 'settle'> = {
      claim: guard((claim) => store.claim(claim)),
      claimEvent: guard((claim) => store.claimEvent(claim)),
      finish: guard((items) => store.finish(items)),
      settle: guard((items) => store.settle(items)),
    }
    this.dispatcher = createDispatcher({
      inbox,
      replies: store,
      callCard: noCards,
      executors: { pool: this.pool, exclusive: new FakePool(0), process: this.pool, host: new FakePool(0) },
      handlers: oneHandler('message'),
      contextServer: noCalls,
      bots: plainBots,
      owner,
      sendReply: guard((botId: string, reply: OutgoingReply) => send(botId, reply, clock, feishu, choices)),
      options: { ...DEFAULT_OPTIONS, threads: 3, maxAttempts: 50, maxReplyAttempts: 50 },
      clock,
      random: () => choices.next(),
      emit: () => {},
    })
    this.dispatcher.start()
  }

  async #handle(run: Run, clock: FakeClock, choices: Choices, log: LaneLog): Promise<ChatOutcome> {
    const lane = `${run.botId}/${run.chatId}`
    log.begin(this, lane)
    await wait(clock, choices.next() * 2_000)
    log.end(this, lane)
    if (choices.next() < 0.2) return failed()
    return handled(...(choices.next() < 0.3 ? ['1', '2'] : ['1']).map((n) => `${run.chatId}#${run.messageId}#${n}`))
  }
}

/** Counts handlers per lane; those of a life that is over do not run any more. */
class LaneLog {
  mostPerLane = 0
  readonly #running: { readonly life: Life; readonly lane: string }[] = []

  begin(life: Life, lane: string): void {
    this.#running.push({ life, lane })
    const count = this.#running.filter((run) => run.lane === lane && !run.life.isOver).length
    this.mostPerLane = Math.max(this.mostPerLane, count)
  }

  end(life: Life, lane: string): void {
    const index = this.#running.findIndex((run) => run.life === life && run.lane === lane)
    this.#running.splice(index, 1)
  }
}

async function send(
  botId: string,
  reply: OutgoingReply,
  clock: FakeClock,
  feishu: Feishu,
  choices: Choices,
): Promise<SendOutcome> {
  await wait(clock, choices.next() * 500)
  const luck = choices.next()
  if (luck < 0.15) return sendFailed()
  feishu.show(botId, reply)
  await wait(clock, choices.next() * 500)
  // Shown, but the answer of the call is lost.
  return luck < 0.3 ? sendFailed() : { kind: 'sent', messageId: `om_${reply.uuid}` }
}

function wait(clock: FakeClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

/** A small generator, so that a failing run can be repeated from its seed. */
function choicesFrom(seed: number): Choices {
  let state = seed >>> 0
  return {
    next() {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    },
  }
}

it('random faults and crashes: one message per chat in flight, replies in order and exactly once', async () => {
  const crashTimes = fc.array(fc.integer({ min: 1, max: 8_000 }), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      crashTimes,
      fc.double({ min: 0, max: 0.4, noNaN: true }),
      async (seed, crashes, faults) => {
        const choices = choicesFrom(seed)
        const clock = new FakeClock()
        const store = new MemoryStore(clock)
        const feishu = new Feishu()
        const log = new LaneLog()
        for (let n = 0; n < MESSAGES_PER_CHAT; n++) {
          for (const botId of BOTS) {
            for (const chat of CHATS) {
              await store.accept([{ botId, event: messageEvent(chat, `${botId}${chat}m${n}`) }])
            }
          }
        }
        let faultShare = faults
        store.fault = (): Fault => {
          const luck = choices.next()
          if (luck >= faultShare) return 'none'
          return luck < faultShare / 2 ? 'before' : 'after'
        }
        let life = new Life('life-0', store, clock, feishu, choices, log)
        for (const [index, afterMs] of crashes.entries()) {
          await clock.advance(afterMs)
          life.isOver = true
          store.rescue(life.owner)
          life = new Life(`life-${index + 1}`, store, clock, feishu, choices, log)
        }
        await clock.advance(20_000)
        faultShare = 0
        await clock.advance(3_600_000)

        expect(log.mostPerLane).toBe(1)
        expect(store.rows.map(({ state }) => state)).toEqual(store.rows.map(() => 'completed'))
        expect(store.owners()).toEqual([])
        for (const botId of BOTS) {
          for (const chat of CHATS) {
            const rows = store.rows.filter((row) => row.botId === botId && row.event.lane === chat)
            const expected = rows.flatMap(({ replies }) => replies.map(({ uuid }) => uuid))
            const shown = feishu.shown.filter((reply) => reply.chat === `${botId}/${chat}`).map(({ uuid }) => uuid)
            expect(shown).toEqual(expected)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)
