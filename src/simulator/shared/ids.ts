import { createHash, randomBytes } from 'node:crypto'

/** Creates an id that is unique over all simulators: `<prefix><32 hex digits>`, as Feishu's `om_`, `ou_`, `t-`. [D] */
export function newId(prefix = ''): string {
  return prefix + randomBytes(16).toString('hex')
}

/** Creates digits that are unique over all simulators, the first not 0, as in card ids. [S] */
export function newDigits(count: number): string {
  return Array.from(randomBytes(count), (byte, index) => (index === 0 ? 1 + (byte % 9) : byte % 10)).join('')
}

/** Creates an id from its parts. The same parts give the same id, so the open_id of a user needs no storage. */
export function stableId(prefix: string, ...parts: string[]): string {
  return prefix + createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

/** Random numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
