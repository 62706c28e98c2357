import type { Clock } from '../../../src/core/time/clock.ts'

/** One data frame as the SDK hands it over: numbers from headers, NaN where there were none. */
export interface Fragment {
  readonly message_id: string | undefined
  readonly sum: number
  readonly seq: number
  readonly data: Uint8Array | null | undefined
}

export interface FragmentsOptions {
  /** Bytes of all fragments that wait for others, and of one event. */
  readonly maxBytes: number
  readonly clock: Clock
  /** Something was given up; `reason` is one of a few fixed texts. */
  dropped(reason: string): void
}

/** Feishu's own threshold is not documented; the SDKs of other languages allow what a frame can say. */
const MAX_SUM = 1_000

/** Events that may wait for fragments at a time; the oldest makes room. */
const MAX_OPEN = 64

/** Since the first fragment; the SDK's own cache keeps them 10 to 20 s. */
const LIFETIME_MS = 15_000

interface Open {
  readonly parts: (Uint8Array | undefined)[]
  missing: number
  bytes: number
  cancelExpiry(): void
}

/**
 * Puts the fragments of an event together. Stands in for the SDK's own cache, which allocates as many
 * slots as a header says (a frame of 120 bytes ends the process), keeps any number of partial events,
 * and copies quadratically.
 */
export class Fragments {
  readonly #options: FragmentsOptions
  readonly #open = new Map<string, Open>()
  #bytes = 0

  constructor(options: FragmentsOptions) {
    this.#options = options
  }

  /** The event once it is complete, else null. What it throws the SDK logs, and the frame gets no acknowledgement. */
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
      this.#forget(id)
      return this.#parse(open.parts as Uint8Array[])
    }
    // Oldest first; this one is dropped too if it is too large by itself.
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN && this.#bytes <= this.#options.maxBytes) break
      this.#giveUp(oldest, 'too many fragments')
    }
    return null
  }

  /** Called by the SDK when its client is closed. */
  destroy(): void {
    for (const id of this.#open.keys()) this.#forget(id)
  }

  /** Called by the SDK when its client starts; its own cache sweeps, this one has a timer per event. */
  clearAtInterval(): void {}

  #openFor(id: string, sum: number): Open {
    const known = this.#open.get(id)
    if (known?.parts.length === sum) return known
    // The id is used anew.
    if (known !== undefined) this.#giveUp(id, 'fragments disagree')
    const open: Open = {
      parts: Array.from({ length: sum }, () => undefined),
      missing: sum,
      bytes: 0,
      cancelExpiry: this.#options.clock.after(LIFETIME_MS, () => this.#giveUp(id, 'fragment missing')),
    }
    this.#open.set(id, open)
    return open
  }

  #count(open: Open, more: number): void {
    open.bytes += more
    this.#bytes += more
  }

  #giveUp(id: string, reason: string): void {
    this.#forget(id)
    this.#options.dropped(reason)
  }

  #forget(id: string): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    open.cancelExpiry()
    this.#bytes -= open.bytes
    this.#open.delete(id)
  }

  /** An event is a JSON object; anything else has no field that delivery could need. */
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
