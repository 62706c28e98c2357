import type { Clock } from '../../../src/core/time/clock.ts'

/** One data frame from the SDK. Its numbers come from headers; a missing number is NaN. */
export interface Fragment {
  readonly message_id: string | undefined
  readonly sum: number
  readonly seq: number
  readonly data: Uint8Array | null | undefined
}

export interface FragmentsOptions {
  /** Most bytes of all waiting fragments, and of one event. */
  readonly maxBytes: number
  readonly clock: Clock
  /** An event was dropped. `reason` is one of a few fixed texts. */
  dropped(reason: string): void
}

/** Most fragments of one event. Feishu's own limit is not documented; the SDKs of other languages allow any number in a frame. */
const MAX_SUM = 1_000

/** Most events that wait for fragments. The oldest is dropped for a new one. */
const MAX_OPEN = 64

/** Time from the first fragment until an incomplete event is dropped. The SDK's own cache keeps fragments 10 to 20 s. */
const LIFETIME_MS = 15_000

interface Open {
  readonly parts: (Uint8Array | undefined)[]
  missing: number
  bytes: number
  cancelExpiry(): void
}

/**
 * Joins the fragments of an event. Replaces the SDK's own cache, which allocates as many slots as a header says (a frame
 * of 120 bytes ends the process), keeps any number of partial events, and copies quadratically.
 */
export class Fragments {
  readonly #options: FragmentsOptions
  readonly #open = new Map<string, Open>()
  #bytes = 0

  constructor(options: FragmentsOptions) {
    this.#options = options
  }

  /** Returns the event if it is complete, else null. The SDK logs a thrown error, and the frame is not acknowledged. */
  mergeData({ message_id: id, sum, seq, data }: Fragment): object | null {
    const bytes = data ?? new Uint8Array()
    if (!Number.isInteger(sum) || sum < 1 || sum > MAX_SUM || !Number.isInteger(seq) || seq < 0 || seq >= sum) {
      throw this.#refusal('fragment headers')
    }
    if (bytes.length > this.#options.maxBytes) throw this.#refusal('too large')
    if (sum === 1) return this.#parse([bytes])
    if (id === undefined || id === '') throw this.#refusal('fragment without an id')
    const open = this.#openFor(id, sum)
    const former = open.parts[seq]
    if (former === undefined) open.missing -= 1
    open.parts[seq] = bytes
    this.#count(open, bytes.length - (former?.length ?? 0))
    if (open.missing === 0) {
      this.#remove(id)
      return this.#parse(open.parts as Uint8Array[])
    }
    // Drops the oldest events first. The present event is dropped too if it alone is too large.
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN && this.#bytes <= this.#options.maxBytes) break
      this.#drop(oldest, 'too many fragments')
    }
    return null
  }

  /** Called by the SDK when its client is closed. */
  destroy(): void {
    for (const id of this.#open.keys()) this.#remove(id)
  }

  /** Called by the SDK when its client starts. The SDK's cache sweeps here; this class has a timer per event. */
  clearAtInterval(): void {}

  #openFor(id: string, sum: number): Open {
    const known = this.#open.get(id)
    if (known?.parts.length === sum) return known
    // The id is reused for another event.
    if (known !== undefined) this.#drop(id, 'fragments disagree')
    const open: Open = {
      parts: Array.from({ length: sum }, () => undefined),
      missing: sum,
      bytes: 0,
      cancelExpiry: this.#options.clock.after(LIFETIME_MS, () => this.#drop(id, 'fragment missing')),
    }
    this.#open.set(id, open)
    return open
  }

  #count(open: Open, more: number): void {
    open.bytes += more
    this.#bytes += more
  }

  #drop(id: string, reason: string): void {
    this.#remove(id)
    this.#options.dropped(reason)
  }

  #remove(id: string): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    open.cancelExpiry()
    this.#bytes -= open.bytes
    this.#open.delete(id)
  }

  /** Parses an event, which is a JSON object. Other values have no fields for delivery and are refused. */
  #parse(parts: readonly Uint8Array[]): object {
    let value: unknown
    try {
      value = JSON.parse(Buffer.concat(parts).toString('utf8'))
    } catch {
      throw this.#refusal('not JSON')
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#refusal('not an event')
    return value
  }

  #refusal(reason: string): Error {
    this.#options.dropped(reason)
    return new Error(reason)
  }
}
