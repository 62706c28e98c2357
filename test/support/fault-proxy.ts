import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { joinSockets } from './join-sockets.ts'

/** A TCP proxy between the system under test and its database that fails on order. */
export class FaultProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>()
  #server: Server | undefined
  #latencyMs = 0
  #isBlackHole = false
  #cutsAfterNext = 0

  constructor(target: { host: string; port: number }) {
    this.#target = target
  }

  async start(): Promise<number> {
    this.#server = createServer((client) => this.#accept(client)).listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections at once. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
  }

  /** The next `count` answers of the server are thrown away with their connection: what they confirm has happened all the same. */
  cutAfterNextAnswers(count: number): void {
    this.#cutsAfterNext = count
  }

  delay(latencyMs: number): void {
    this.#latencyMs = latencyMs
  }

  /** Bytes vanish in both directions, connections stay open. Lifting it ends them: what vanished would be missing. */
  blackHole(isOn: boolean): void {
    this.#isBlackHole = isOn
    if (!isOn) this.reset()
  }

  async stop(): Promise<void> {
    this.reset()
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined))
  }

  #accept(client: Socket): void {
    const server = connect(this.#target)
    const pair = { client, server }
    this.#pairs.add(pair)
    joinSockets(client, server, () => this.#pairs.delete(pair))
    client.on('data', (chunk) => this.#forward(chunk, server, pair, false))
    server.on('data', (chunk) => this.#forward(chunk, client, pair, true))
  }

  #forward(chunk: Buffer, to: Socket, pair: { client: Socket; server: Socket }, isAnswer: boolean): void {
    if (this.#isBlackHole) return
    if (isAnswer && this.#cutsAfterNext > 0) {
      this.#cutsAfterNext -= 1
      pair.client.resetAndDestroy()
      pair.server.destroy()
      return
    }
    if (this.#latencyMs === 0) to.write(chunk)
    else setTimeout(() => to.destroyed || to.write(chunk), this.#latencyMs)
  }
}
