/** Begins an answer that was not given at the first attempt. */
export const AGAIN = 'again: '

/** Late enough that whoever was sent at the same time waits in the thread too. */
const SOON_MS = 300

/** What ends the thread of a handler. Those that go on after their answer are `void`. */
const DEEDS: Readonly<Record<string, () => Promise<void> | void>> = {
  exit: () => later(() => process.exit(3)),
  throw: () =>
    void setTimeout(() => {
      throw new Error('too late')
    }, SOON_MS),
  loop: () =>
    later(() => {
      for (;;);
    }),
  memory: () =>
    later(() => {
      const kept: Buffer[] = []
      setInterval(() => kept.push(Buffer.alloc(2_000_000, 1)), 5)
    }),
}

export const DEED_NAMES = Object.keys(DEEDS)

/** The first word of a message names the deed. */
export function deedOf(text: string): (() => Promise<void> | void) | undefined {
  return DEEDS[/^\w+/.exec(text)?.[0] ?? '']
}

/** The answer never comes. */
function later(deed: () => void): Promise<void> {
  return new Promise(() => {
    setTimeout(deed, SOON_MS)
  })
}
