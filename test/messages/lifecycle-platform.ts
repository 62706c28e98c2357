import type { SendFailure, SendOutcome } from '../../src/protocol/data.ts'
import type { FeishuEvent, OutgoingReply } from '../../src/protocol/model/message.ts'
import { messageEvent } from './dispatcher-bench.ts'
import type { FakeClock } from '../support/fake-clock.ts'
import type { Fact, Message } from './lifecycle-history.ts'

/** One long connection. */
export interface Port {
  readonly isOpen: boolean
  push(botId: string, event: FeishuEvent, answer: (isAccepted: boolean) => void): void
}

/** What happens to one send; `-shown` ones are carried out. */
export type SendFate = 'busy' | 'wait' | 'lost-shown' | 'lost' | 'silent-shown' | 'silent' | 'late-shown'

const ACK_LIMIT_MS = 3_000
/** Feishu waits 15 s, 5 min, 1 h and 6 h; here everything fits into its hour of the uuid guard. */
const LADDER_MS = [4_000, 15_000, 60_000, 240_000, 600_000]
const GUARD_MS = 3_600_000
const LATE_MS = 20_000

interface Delivery {
  readonly message: Message
  readonly event: FeishuEvent
  isAcknowledged: boolean
  isPending: boolean
}

/** A Feishu that pushes until it is answered, shows one message per uuid, and writes down all it sees. */
export class FakePlatform {
  readonly ports = new Set<Port>()
  /** What happens to the next sends, in order; afterwards they go well. */
  readonly fates: SendFate[] = []
  /** So many acknowledgements get lost. */
  lostAcks = 0
  readonly #clock: FakeClock
  readonly #random: () => number
  readonly #record: (fact: Fact) => void
  readonly #isStored: (id: string) => boolean
  readonly #deliveries: Delivery[] = []
  readonly #shown = new Map<string, { readonly at: number; readonly outcome: SendOutcome }>()

  constructor(clock: FakeClock, random: () => number, record: (fact: Fact) => void, isStored: (id: string) => boolean) {
    this.#clock = clock
    this.#random = random
    this.#record = record
    this.#isStored = isStored
  }

  get messages(): readonly Message[] {
    return this.#deliveries.map(({ message }) => message)
  }

  /** Nothing is on its way any more, and nothing will be pushed again by itself. */
  get isQuiet(): boolean {
    return this.#deliveries.every(({ isPending }) => !isPending)
  }

  say(message: Message, isTwice: boolean): void {
    const event = { ...messageEvent(message.chat, message.id), createdAt: this.#clock.now() }
    const delivery = { message, event, isAcknowledged: false, isPending: true }
    this.#deliveries.push(delivery)
    this.#record({ kind: 'pushed', id: message.id })
    this.#push(delivery, 0)
    if (isTwice) this.#pushOnce(delivery, () => {})
  }

  /** Delivers an event again, however long ago it was acknowledged. */
  repeat(pick: number): void {
    const delivery = this.#deliveries[pick % Math.max(1, this.#deliveries.length)]
    if (delivery !== undefined) this.#pushOnce(delivery, () => {})
  }

  async send(reply: OutgoingReply): Promise<SendOutcome> {
    const fate = this.fates.shift()
    await this.#travel()
    if (fate === 'busy') return refused()
    if (fate === 'wait') return refused({ retryAfterMs: 1_500, limitOf: 'chat' })
    if (fate === 'silent') return new Promise(() => {})
    if (fate === 'lost') throw new Error('the connection was reset')
    if (fate === 'late-shown') await this.#wait(LATE_MS)
    const outcome = this.#process(reply)
    if (fate === 'silent-shown' || fate === 'late-shown') return new Promise(() => {})
    await this.#travel()
    if (fate === 'lost-shown') throw new Error('the connection was reset')
    return outcome
  }

  /** At most one visible message per uuid within an hour; a repetition gets the first answer. */
  #process({ uuid, content }: OutgoingReply): SendOutcome {
    const earlier = this.#shown.get(uuid)
    if (earlier !== undefined && this.#clock.now() - earlier.at < GUARD_MS) return earlier.outcome
    const { text } = JSON.parse(content) as { text: string }
    const [id = '', , part] = text.split('#')
    const message = this.messages.find((candidate) => candidate.id === id)
    if (message?.refusedPart === Number(part))
      return refused({ error: { code: 'REPLY_REFUSED', message: 'not allowed', retryable: false } })
    const outcome: SendOutcome = { kind: 'sent', messageId: `om_${this.#shown.size}` }
    this.#shown.set(uuid, { at: this.#clock.now(), outcome })
    this.#record({ kind: 'shown', id, content })
    return outcome
  }

  #push(delivery: Delivery, step: number): void {
    this.#pushOnce(delivery, () => {
      const againMs = LADDER_MS[step]
      if (delivery.isAcknowledged || againMs === undefined) {
        delivery.isPending = false
        return
      }
      this.#clock.after(againMs, () => {
        if (delivery.isAcknowledged) delivery.isPending = false
        else this.#push(delivery, step + 1)
      })
    })
  }

  /** To one connection at random; `settled` when it was answered or the time for it is over. */
  #pushOnce(delivery: Delivery, settled: () => void): void {
    const open = [...this.ports].filter(({ isOpen }) => isOpen)
    const port = open[Math.floor(this.#random() * open.length)]
    if (port === undefined) return settled()
    let isSettled = false
    const settle = (): void => {
      if (!isSettled) settled()
      isSettled = true
    }
    this.#clock.after(ACK_LIMIT_MS, settle)
    this.#clock.after(this.#latency(), () => {
      port.push(delivery.message.botId, delivery.event, (isAccepted) => {
        if (isSettled) return
        if (isAccepted && this.lostAcks > 0) {
          this.lostAcks -= 1
          return
        }
        if (isAccepted) this.#acknowledge(delivery)
        settle()
      })
    })
  }

  #acknowledge(delivery: Delivery): void {
    const { id } = delivery.message
    delivery.isAcknowledged = true
    this.#record({ kind: 'acknowledged', id, isStored: this.#isStored(id) })
  }

  #latency(): number {
    return 1 + Math.floor(this.#random() * 40)
  }

  #travel(): Promise<void> {
    return this.#wait(this.#latency())
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve)
    })
  }
}

function refused(more: Partial<SendFailure> = {}): SendOutcome {
  const error = { code: 'REPLY_FAILED', message: 'busy', retryable: true } as const
  return { kind: 'failed', failure: { error, isRefused: true, ...more } }
}
