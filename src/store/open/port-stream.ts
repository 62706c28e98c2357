import { Duplex } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'

/** Stream that `pg` uses like a socket. It carries the bytes over a port to the PGlite thread. */
export class PortStream extends Duplex {
  readonly #open: () => Promise<MessagePort>
  readonly #onSilence: () => void
  #port: MessagePort | undefined
  #isAnswered = false

  /** `onSilence` is called when a connection ends that was open but never answered. */
  constructor(open: () => Promise<MessagePort>, onSilence: () => void) {
    super()
    this.#open = open
    this.#onSilence = onSilence
  }

  connect(): this {
    this.#open().then(
      (port) => this.#start(port),
      (thrown: Error) => this.destroy(thrown),
    )
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  #start(port: MessagePort): void {
    this.#port = port
    if (this.destroyed) {
      port.close()
      return
    }
    port.on('message', (bytes: Uint8Array) => {
      this.#isAnswered = true
      this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    })
    port.on('close', () => this.destroy())
    this.emit('connect')
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#post([chunk], done)
  }

  /** Posts the frames of one query as one message. `pg` corks them, so they arrive here together. */
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#post(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  #post(chunks: Buffer[], done: () => void): void {
    // The bytes are copied, because posting a view would clone the whole buffer behind it.
    const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0))
    let offset = 0
    for (const chunk of chunks) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    this.#port?.postMessage(bytes, [bytes.buffer])
    done()
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#port?.close()
    if (this.#port !== undefined && !this.#isAnswered) this.#onSilence()
    done(error)
  }
}
