import { randomBytes } from 'node:crypto'
import type { EventMap, NamedEvent } from '../../protocol/model/events.ts'

export interface HubEvent {
  readonly sequence: number
  /** Id that a client sends back as `Last-Event-ID`. Only the process that made it knows it. */
  readonly id: string
  readonly name: 'bot' | 'restart' | 'alert' | 'message' | 'store'
  /** Undefined for an event without a bot. */
  readonly botId?: string
  readonly data: unknown
}

interface Source {
  on<K extends keyof EventMap>(name: K, listener: (event: EventMap[K]) => void): () => void
}

/**
 * Keeps and numbers the newest events of this process (default: 1 000). Each reader keeps its own place. A slow or
 * returning reader continues from its place, or learns that it missed events.
 */
export class EventHub {
  readonly #size: number
  readonly #epoch = randomBytes(4).toString('hex')
  readonly #events: HubEvent[] = []
  readonly #owners = new Map<string, string>()
  #next = 1
  readonly #waiting = new Set<() => void>()

  constructor(source: Source, toData: (event: NamedEvent) => unknown, size = 1_000) {
    this.#size = size
    source.on('bot', (event) => {
      this.#owners.set(event.botId, event.bot.owner)
      this.#add('bot', toData({ kind: 'bot', event }), event.botId)
    })
    source.on('restart', (event) => this.#add('restart', event, event.botId))
    source.on('alert', (event) => this.#add('alert', event, event.botId))
    source.on('message', (event) => this.#add('message', event, event.botId))
    source.on('store', (event) => this.#add('store', event))
  }

  /** Undefined for a bot that never had an event. */
  ownerOf(botId: string): string | undefined {
    return this.#owners.get(botId)
  }

  get newest(): number {
    return this.#next - 1
  }

  /** Place of the event with this id; undefined for an id of another process. */
  placeAfter(id: string): number | undefined {
    const [epoch, sequence] = id.split('-')
    return epoch === this.#epoch && /^\d{1,15}$/.test(sequence ?? '') ? Number(sequence) : undefined
  }

  /** Events after a place. `missed`: some of them are not kept any more. */
  after(place: number): { readonly events: readonly HubEvent[]; readonly missed: boolean } {
    const oldest = this.#events[0]?.sequence ?? this.#next
    return { events: this.#events.slice(Math.max(0, place + 1 - oldest)), missed: place + 1 < oldest }
  }

  /** Resolves at the next event, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
    })
  }

  /** Ends every wait. */
  wakeAll(): void {
    for (const wake of this.#waiting) wake()
  }

  #add(name: HubEvent['name'], data: unknown, botId?: string): void {
    const sequence = this.#next++
    const id = `${this.#epoch}-${sequence}`
    this.#events.push({ sequence, id, name, data, ...(botId === undefined ? {} : { botId }) })
    if (this.#events.length > this.#size) this.#events.shift()
    this.wakeAll()
  }
}
