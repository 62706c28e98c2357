import { assertNever } from '../../core/assert-never.ts'
import { crashPoint } from '../../core/crash-point.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { deferred } from '../../core/time/deferred.ts'
import { cardContent, cardText, markdownCard, TEXT_ELEMENT } from '../../protocol/model/markdown-card.ts'
import type { StreamFrame } from '../../protocol/chat.ts'
import type { CardCall, CardOutcome, ReplyToSend, SendFailure } from '../../protocol/data.ts'
import type { Fence, ReplyStore, StreamLearned, StreamProgress } from '../../store/store.ts'
import type { SendReply } from './deliver-replies.ts'
import type { OutboundLimits } from './outbound-limits.ts'
import type { ReplyTarget } from './reply-target.ts'
import type { Sleeper } from '../writes/sleeper.ts'

export type CallCard = (botId: string, call: CardCall) => Promise<CardOutcome>

export interface LiveStreamDeps {
  readonly replies: Pick<ReplyStore, 'stream'>
  readonly sendReply: SendReply
  readonly callCard: CallCard
  /** Limits for messages. */
  readonly limits: OutboundLimits
  /** Limits for changes, per card. */
  readonly changeLimits: OutboundLimits
  readonly sleeper: Sleeper
}

/** The event and the claim that a streamed answer belongs to, and the uuid of its message. */
export interface StreamOwner extends ReplyTarget {
  readonly eventId: number
  readonly fence: Fence
  readonly botId: string
  readonly uuid: string
}

/** Sequences that are reserved in the store at a time, before they are used. */
const CHANGES = 50

/** Pause between two changes. Readers see text typed, not jumping, and an app has about 1000 calls a minute. [D] */
const BETWEEN_CHANGES_MS = 300

/** Pause before the next try when Feishu, the bot or the store fails. */
const TROUBLE_MS = 1_000

/**
 * Shows one answer while it is made, as far as Feishu allows. The outbox brings the answer to its end (see
 * `ReplySender`), so no step here has to succeed. Invariant: at most one message becomes visible. The uuid of the
 * message ensures that, and each new fact is stored before the next step relies on it.
 */
export class LiveStream {
  readonly #owner: StreamOwner
  readonly #deps: LiveStreamDeps
  readonly #ended = deferred()
  readonly #done: Promise<void>
  #frame: StreamFrame
  #used = deferred()
  #news = deferred()
  #shown = ''
  #progress: StreamProgress | undefined
  /** The last sequence that was used. `#changesLeft` says how many more are reserved. */
  #sequence = 0
  #changesLeft = 0
  #isEnded = false

  constructor(owner: StreamOwner, first: StreamFrame, deps: LiveStreamDeps) {
    this.#owner = owner
    this.#frame = first
    this.#deps = deps
    this.#done = this.#run()
  }

  /** Settles when the text has been taken to Feishu, as far as that went. */
  show(frame: StreamFrame): Promise<void> {
    this.#frame = frame
    this.#used.resolve()
    this.#used = deferred()
    this.#news.resolve()
    return this.#used.promise
  }

  /** Ends the stream. Resolves when the running step has ended. */
  async end(): Promise<void> {
    this.#stop()
    await this.#done
  }

  #stop(): void {
    this.#isEnded = true
    this.#ended.resolve()
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      this.#news = deferred()
      const used = this.#used
      const goesOn = await this.#step().catch(() => this.#pause(TROUBLE_MS))
      used.resolve()
      if (goesOn === 'gave_up') return
      if (goesOn === 'wait') await Promise.race([this.#news.promise, this.#ended.promise])
    }
  }

  /** Makes one step towards the newest text. Rejects when the store cannot be reached, and when the claim has ended. */
  async #step(): Promise<'wait' | 'gave_up' | void> {
    if (this.#progress === undefined) {
      await this.#learn({})
      crashPoint('stream.opened')
    }
    const { text } = this.#frame
    const step = stepStream(this.#progress as StreamProgress, text !== this.#shown)
    switch (step) {
      case 'wait':
        return this.#progress?.fallback === 2 ? 'gave_up' : 'wait'
      case 'make_card':
        return await this.#makeCard()
      case 'show_card':
      case 'show_message':
        return await this.#showMessage(step)
      case 'write_card':
      case 'edit_message':
        return await this.#change(step, text)
      default:
        return assertNever(step)
    }
  }

  async #makeCard(): Promise<void> {
    const { botId } = this.#owner
    const { text, title } = this.#frame
    const card = JSON.stringify(markdownCard({ text, title, isStreaming: true }))
    const outcome = await this.#deps.callCard(botId, { kind: 'create', card })
    crashPoint('stream.made')
    if (outcome.kind === 'failed') return await this.#onFailure(outcome.failure)
    if (outcome.id === undefined) return await this.#pause(TROUBLE_MS)
    this.#shown = text
    await this.#learn({ cardId: outcome.id })
  }

  async #showMessage(step: 'show_card' | 'show_message'): Promise<'gave_up' | void> {
    const { botId, receiver, messageId, uuid } = this.#owner
    const { text, title, inThread } = this.#frame
    if (!(await this.#waitForLimits(this.#deps.limits, receiver.id))) return
    const mayBeShown = this.#progress?.sendingMs !== undefined
    await this.#learn({ isSending: true })
    const shown = { messageId, receiver, uuid, msgType: 'interactive', ...(inThread && { delivery: { inThread } }) }
    const cardId = this.#progress?.cardId ?? ''
    const content = step === 'show_card' ? cardContent(cardId) : JSON.stringify(markdownCard({ text, title }))
    const reply: ReplyToSend = { ...shown, content, mayBeShown }
    const outcome = await this.#deps.sendReply(botId, reply)
    crashPoint('stream.shown')
    if (outcome.kind === 'sent') {
      if (step === 'show_message' && !mayBeShown) this.#shown = text
      return await this.#learn({ messageId: outcome.messageId })
    }
    const { failure } = outcome
    if (failure.error.retryable || !failure.isRefused) return await this.#pause(failure.retryAfterMs)
    // No message of this answer is visible, and none can become visible in this way.
    if (step === 'show_message' || mayBeShown) return 'gave_up'
    return await this.#onFailure(failure)
  }

  async #change(step: 'write_card' | 'edit_message', text: string): Promise<'gave_up' | void> {
    const { botId, eventId } = this.#owner
    const { cardId = '', messageId = '', stream = 0 } = this.#progress ?? {}
    if (!(await this.#waitForLimits(this.#deps.changeLimits, `${eventId} ${stream}`))) return
    const { title } = this.#frame
    const call: CardCall =
      step === 'write_card'
        ? { kind: 'write', cardId, elementId: TEXT_ELEMENT, text: cardText(text), sequence: await this.#nextSequence() }
        : { kind: 'edit', messageId, content: JSON.stringify(markdownCard({ text, title })) }
    const outcome = await this.#deps.callCard(botId, call)
    crashPoint('stream.written')
    if (outcome.kind === 'done') {
      this.#shown = text
      await this.#pause(BETWEEN_CHANGES_MS)
    } else if (outcome.failure.error.retryable) await this.#pause(outcome.failure.retryAfterMs)
    else return 'gave_up'
  }

  /** Handles a failure before a message is visible: retries, or uses a simpler way if Feishu refuses for good. */
  async #onFailure({ error, retryAfterMs }: SendFailure): Promise<void> {
    if (error.retryable) return await this.#pause(retryAfterMs)
    const { botId, messageId } = this.#owner
    if (messageId === null) return await this.#learn({ fallback: 2 })
    const outcome = await this.#deps.callCard(botId, { kind: 'may_edit', messageId })
    if (outcome.kind === 'done') await this.#learn({ fallback: 1 })
    else if (outcome.failure.error.retryable) await this.#pause(outcome.failure.retryAfterMs)
    else await this.#learn({ fallback: 2 })
  }

  async #nextSequence(): Promise<number> {
    if (this.#changesLeft === 0) {
      await this.#learn({ changes: CHANGES })
      this.#changesLeft = CHANGES
      this.#sequence = (this.#progress?.sequence ?? 0) - CHANGES
    }
    this.#changesLeft -= 1
    this.#sequence += 1
    return this.#sequence
  }

  /** Stores a new fact. Rejects and stops the stream when another claim has the answer. */
  async #learn(learned: StreamLearned): Promise<void> {
    const { eventId, fence } = this.#owner
    const progress = await this.#deps.replies.stream(eventId, fence, this.#frame.stream, learned)
    if (progress === null) {
      this.#stop()
      throw new FeishuSupervisorError('REPLY_FAILED', 'another claim goes on with the chat')
    }
    this.#progress = progress
  }

  async #waitForLimits(limits: OutboundLimits, key: string): Promise<boolean> {
    while (!this.#isEnded) {
      const waitMs = limits.take(this.#owner.botId, key)
      if (waitMs === 0) return true
      await this.#pause(waitMs)
    }
    return false
  }

  async #pause(ms = TROUBLE_MS): Promise<void> {
    const wait = this.#deps.sleeper.wait(ms)
    await Promise.race([wait.over, this.#ended.promise])
    wait.end()
  }
}

/** The next step that brings a streamed answer closer to its newest text. */
export type StreamStep =
  /** Steps of a streamed card: make it, send it, change it. */
  | 'make_card'
  | 'show_card'
  | 'write_card'
  /** Steps without streamed cards: send an ordinary message, edit it. */
  | 'show_message'
  | 'edit_message'
  /** No step until there is new text or the answer is complete. */
  | 'wait'

/** Chooses the next step. Pure: it decides by stored facts, so the next claim goes on correctly after a crash. */
export function stepStream({ fallback, cardId, messageId }: StreamProgress, hasNews: boolean): StreamStep {
  if (fallback === 0) {
    if (cardId === undefined) return 'make_card'
    if (messageId === undefined) return 'show_card'
    return hasNews ? 'write_card' : 'wait'
  }
  if (fallback > 1) return 'wait'
  if (messageId === undefined) return 'show_message'
  return hasNews ? 'edit_message' : 'wait'
}
