import { get } from 'node:http'
import { createInterface } from 'node:readline'
import { FeishuSupervisorError } from '../../core/errors.ts'
import type { SimulatedApp } from '../shared/app-directory.ts'
import type { CardClickResult } from '../events/callback-answer.ts'
import type { HistoryCheck } from '../history/check-history.ts'
import type { Fault } from '../faults/fault.ts'
import type { HistoryEntry } from '../history/history.ts'
import type { ReplyProgress } from '../history/reply-waiter.ts'
import type { TrafficPlan, TrafficProgress } from '../users/traffic.ts'
import type {
  CardClick,
  MembershipChange,
  MenuClick,
  RawEvent,
  Reaction,
  Reading,
  UserAction,
} from '../users/user-action.ts'
import type { TypedMessage, UserMessage } from '../messages/user-message.ts'
import type { Webhook } from '../events/webhook.ts'

/** Longest single wait request, milliseconds. It stays below the time limit of fetch. */
const WAIT_SLICE_MS = 60_000

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Controls a simulator in another process. The client's idle sockets do not keep this process alive. */
export class SimulatorClient {
  readonly #base: string

  constructor(url: string) {
    this.#base = `${url}/_simulator`
  }

  async addApp(app: SimulatedApp): Promise<void> {
    await this.#call('POST', '/apps', app)
  }

  /** See `FeishuSimulator.useWebhook`. */
  async useWebhook(appId: string, webhook: Webhook): Promise<void> {
    await this.#call('PUT', `/apps/${encodeURIComponent(appId)}/webhook`, webhook)
  }

  async useLongConnection(appId: string): Promise<void> {
    await this.#call('DELETE', `/apps/${encodeURIComponent(appId)}/webhook`)
  }

  sendText(message: UserMessage): Promise<{ messageId: string; eventId: string }> {
    return this.#json('POST', '/messages', message)
  }

  sendMessage(message: TypedMessage): Promise<{ messageId: string; eventId: string }> {
    return this.#json('POST', '/messages', message)
  }

  recall(messageId: string): Promise<{ eventId: string }> {
    return this.#json('POST', `/messages/${encodeURIComponent(messageId)}/recall`)
  }

  react(reaction: Reaction): Promise<{ eventId: string }> {
    return this.#json('POST', '/reactions', reaction)
  }

  addBotToChat(change: MembershipChange): Promise<{ eventId: string }> {
    return this.#json('POST', '/bots/add', change)
  }

  removeBot(change: MembershipChange): Promise<{ eventId: string }> {
    return this.#json('POST', '/bots/remove', change)
  }

  enterP2p(action: UserAction): Promise<{ eventId: string }> {
    return this.#json('POST', '/p2p/enter', action)
  }

  clickMenu(click: MenuClick): Promise<{ eventId: string }> {
    return this.#json('POST', '/menu/click', click)
  }

  read(reading: Reading): Promise<{ eventId: string }> {
    return this.#json('POST', '/read', reading)
  }

  sendEvent(event: RawEvent): Promise<{ eventId: string }> {
    return this.#json('POST', '/events', event)
  }

  clickCard(click: CardClick): Promise<CardClickResult> {
    return this.#json('POST', '/cards/click', click)
  }

  startTraffic(plan: TrafficPlan): Promise<{ id: string }> {
    return this.#json('POST', '/traffic', plan)
  }

  trafficProgress(id: string): Promise<TrafficProgress> {
    return this.#json('GET', `/traffic/${encodeURIComponent(id)}`)
  }

  async inject(fault: Fault): Promise<void> {
    await this.#call('POST', '/faults', fault)
  }

  /** See `FeishuSimulator.waitForReplies`. Never rejects at the deadline. */
  async waitForReplies({ count, timeoutMs }: { count?: number; timeoutMs: number }): Promise<ReplyProgress> {
    const endAt = performance.now() + timeoutMs
    for (;;) {
      const restMs = Math.max(0, Math.round(endAt - performance.now()))
      const query = new URLSearchParams({ timeoutMs: String(Math.min(restMs, WAIT_SLICE_MS)) })
      if (count !== undefined) query.set('count', String(count))
      const progress = await this.#json<ReplyProgress>('GET', `/wait?${query.toString()}`)
      if (progress.isComplete || restMs <= WAIT_SLICE_MS) return progress
    }
  }

  summary(): Promise<HistoryCheck> {
    return this.#json('GET', '/summary')
  }

  /** Returns the entries with a larger `seq`. */
  async history(after = 0): Promise<HistoryEntry[]> {
    const answer = await this.#call('GET', `/history?after=${after}`)
    const lines = (await answer.text()).split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as HistoryEntry)
  }

  /**
   * Calls `onEntry` with every entry after `seq`, past and future, until the returned function is called or the
   * simulator ends. Keeps this process alive until then.
   */
  follow(onEntry: (entry: HistoryEntry) => void, after = 0): () => void {
    const request = get(`${this.#base}/history/stream?after=${after}`, { agent: false }, (answer) => {
      answer.on('error', () => {})
      const lines = createInterface({ input: answer })
      // readline forwards the errors of its input.
      lines.on('error', () => {})
      lines.on('line', (line) => onEntry(JSON.parse(line) as HistoryEntry))
    })
    request.on('error', () => {})
    return () => request.destroy()
  }

  async #json<T>(method: Method, path: string, body?: object): Promise<T> {
    return (await (await this.#call(method, path, body)).json()) as T
  }

  async #call(method: Method, path: string, body?: object): Promise<Response> {
    // The server may close a kept connection while this thread is busy. The next call would then fail.
    const headers = { connection: 'close' }
    const answer = await fetch(this.#base + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (answer.ok) return answer
    const text = await answer.text()
    const code = answer.status === 400 ? 'CONFIG_INVALID' : 'INTERNAL'
    throw new FeishuSupervisorError(code, `simulator answered ${answer.status} to ${method} ${path}: ${text}`)
  }
}
