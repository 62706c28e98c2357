import type { Readable } from 'node:stream'
import type { Clock } from '../../core/time/clock.ts'
import { RateGuard } from '../../core/time/rate-guard.ts'

/** Characters within a second that go on. The rest is dropped. */
const PRINTS = 65_536

/** Characters within a second above which nothing is read until it is over: dropped output has to be read too. */
const MOST_READ = 1_048_576

/** A longer line goes on in pieces. */
const MOST_LINE = 16_384

const MOST_TAIL = 8_192

/** What a process prints to one stream, in whole lines, so that a credential in it is seen as one. A flood is held down. */
export class PrintedLines {
  readonly #stream: Readable
  readonly #clock: Clock
  readonly #onText: (text: string) => void
  readonly #prints: RateGuard
  readonly #read: RateGuard
  #line = ''
  #tail = ''
  #cancelPause = (): void => {}

  /** `onText` gets one or more lines without the last line break. */
  constructor(stream: Readable, clock: Clock, onText: (text: string) => void) {
    this.#stream = stream
    this.#clock = clock
    this.#onText = onText
    this.#prints = new RateGuard(PRINTS, clock)
    this.#read = new RateGuard(MOST_READ, clock)
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => this.#onData(chunk))
    stream.on('error', () => {})
    stream.once('close', () => this.#show(this.#line))
  }

  /** The last that was printed, also of what was dropped. */
  get tail(): string {
    return this.#tail
  }

  /** The process is gone: what it left is little. */
  readToEnd(): void {
    this.#cancelPause()
    this.#stream.resume()
  }

  #onData(chunk: string): void {
    this.#tail = (this.#tail + chunk).slice(-MOST_TAIL)
    const text = this.#line + chunk
    const end = text.lastIndexOf('\n') + 1
    this.#show(text.slice(0, end))
    this.#line = text.slice(end)
    if (this.#line.length > MOST_LINE) {
      this.#show(this.#line)
      this.#line = ''
    }
    if (this.#read.take(chunk.length) !== 'taken') this.#pause()
  }

  #show(text: string): void {
    const shown = text.trimEnd()
    if (shown === '') return
    const room = this.#prints.take(shown.length)
    if (room === 'taken') this.#onText(shown)
    if (room === 'exceeded') this.#onText(`it prints more than ${PRINTS} characters a second: the rest is dropped`)
  }

  #pause(): void {
    this.#stream.pause()
    this.#cancelPause()
    this.#cancelPause = this.#clock.after(1_000, () => this.#stream.resume())
  }
}
