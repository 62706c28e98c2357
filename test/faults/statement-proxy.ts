import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { joinSockets } from '../support/join-sockets.ts'

/** What happens to a statement on its way to the database. */
export type StatementFault =
  /** The server carries it out and commits; the connection is cut before the answer arrives. */
  | { readonly kind: 'cut_after_commit' }
  /** The server never sees it; the client gets this SQLSTATE for an answer. */
  | { readonly kind: 'refuse'; readonly sqlState: string }
  /** Held back until `release`. */
  | { readonly kind: 'hold' }

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Bytes of the client that are no whole message yet. */
  rest: Buffer
  isStarted: boolean
  /** Messages since the last Sync, sent on together. */
  batch: Buffer[]
  statement: string | undefined
  isAnswerLost: boolean
  held: (() => void) | undefined
}

const [BIND, SYNC, READY] = ['B', 'S', 'Z']
/** Message type and length. */
const HEADER = 5
/** ReadyForQuery, outside of a transaction. */
const IDLE = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/**
 * A proxy in front of PostgreSQL that reads the client's side of the protocol, so that it can fail one
 * statement by its name. All statements of the inbox are prepared by name and commit with their Sync.
 */
export class StatementProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<Pair>()
  #plans: { readonly statement: string; readonly fault: StatementFault; left: number; done: () => void }[] = []
  #isLost: () => boolean = () => false
  #server: Server | undefined

  constructor(target: { host: string; port: number }) {
    this.#target = target
  }

  /** A proxy in front of the database of this URL, and the URL through it. */
  static async before(databaseUrl: string): Promise<{ proxy: StatementProxy; url: string }> {
    const url = new URL(databaseUrl)
    const proxy = new StatementProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(await proxy.start())
    return { proxy, url: url.href }
  }

  async start(): Promise<number> {
    this.#server = createServer((client) => this.#accept(client)).listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** The next `count` runs of the statement fail; resolves when they did. */
  fail(statement: string, fault: StatementFault, count = 1): Promise<void> {
    return new Promise((done) => this.#plans.push({ statement, fault, left: count, done }))
  }

  /** Lets held statements go, and fails none that was not failed yet. */
  release(): void {
    this.#plans = []
    for (const { held } of this.#pairs) held?.()
  }

  /** Packets for which `isLost` says so never arrive, in either direction. */
  lose(isLost: () => boolean): void {
    this.#isLost = isLost
  }

  /** Loses nothing any more; ends the connections, where something may be missing. */
  mend(): void {
    this.#isLost = () => false
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
  }

  async stop(): Promise<void> {
    this.mend()
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined))
  }

  #accept(client: Socket): void {
    const server = connect(this.#target)
    const pair: Pair = {
      client,
      server,
      rest: Buffer.alloc(0),
      isStarted: false,
      batch: [],
      statement: undefined,
      isAnswerLost: false,
      held: undefined,
    }
    this.#pairs.add(pair)
    joinSockets(client, server, () => this.#pairs.delete(pair))
    client.on('data', (chunk: Buffer) => this.#isLost() || this.#onClient(pair, chunk))
    server.on('data', (chunk: Buffer) => this.#isLost() || onAnswer(pair, chunk))
  }

  #onClient(pair: Pair, chunk: Buffer): void {
    pair.rest = Buffer.concat([pair.rest, chunk])
    for (;;) {
      // Only the first message has no type.
      const lengthAt = pair.isStarted ? 1 : 0
      if (pair.rest.length < lengthAt + 4) return
      const size = lengthAt + pair.rest.readInt32BE(lengthAt)
      if (pair.rest.length < size) return
      const message = pair.rest.subarray(0, size)
      pair.rest = pair.rest.subarray(size)
      this.#onMessage(pair, message)
    }
  }

  #onMessage(pair: Pair, message: Buffer): void {
    const type = pair.isStarted ? String.fromCharCode(message[0] ?? 0) : ''
    pair.isStarted = true
    pair.batch.push(message)
    if (type === BIND) pair.statement = preparedName(message)
    if (['P', 'B', 'D', 'E'].includes(type)) return
    const bytes = Buffer.concat(pair.batch.splice(0))
    const fault = type === SYNC && pair.statement !== undefined ? this.#faultFor(pair.statement) : undefined
    pair.statement = undefined
    if (fault?.kind === 'refuse') {
      pair.client.write(Buffer.concat([errorResponse(fault.sqlState), IDLE]))
    } else if (fault?.kind === 'hold') {
      pair.held = () => {
        pair.held = undefined
        pair.server.write(bytes)
      }
    } else {
      pair.isAnswerLost = fault?.kind === 'cut_after_commit'
      pair.server.write(bytes)
    }
  }

  #faultFor(statement: string): StatementFault | undefined {
    const plan = this.#plans.find((one) => one.statement === statement)
    if (plan === undefined) return undefined
    plan.left -= 1
    if (plan.left === 0) {
      this.#plans = this.#plans.filter((one) => one !== plan)
      plan.done()
    }
    return plan.fault
  }
}

/** The server says that it is ready again once the transaction is committed. */
function onAnswer(pair: Pair, chunk: Buffer): void {
  if (!pair.isAnswerLost) {
    pair.client.write(chunk)
    return
  }
  if (String.fromCharCode(chunk.at(-IDLE.length) ?? 0) !== READY) return
  pair.client.resetAndDestroy()
  pair.server.destroy()
}

/** Of a Bind message: the name of the portal, then that of the statement, each ended by a zero. */
function preparedName(bind: Buffer): string {
  const start = bind.indexOf(0, HEADER) + 1
  return bind.toString('utf8', start, bind.indexOf(0, start))
}

function errorResponse(sqlState: string): Buffer {
  const fields = ['SERROR', 'VERROR', `C${sqlState}`, 'Mrefused on purpose', ''].join('\0')
  const body = Buffer.from(`${fields}\0`)
  const header = Buffer.alloc(HEADER)
  header.write('E')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}
