import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { DataDirLock } from './lock-try.ts'

const ASK_TIMEOUT_MS = 500

type Address = { readonly path: string } | { readonly host: string; readonly port: number }

export interface Listener extends DataDirLock {
  readonly port: number
}

/** Listens on `address` and answers every connection with `reply`. Undefined if another process or thread listens there. */
export async function listen(address: Address, reply: string): Promise<Listener | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(reply)
  })
  // A cluster worker must not share the name with its siblings.
  server.listen({ ...address, exclusive: true })
  try {
    await once(server, 'listening')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw thrown
  }
  server.unref()
  return {
    port: (server.address() as AddressInfo | null)?.port ?? 0,
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Returns the answer of the lock's holder. Undefined if there is no listener, or no answer in time. */
export async function askHolder(address: Address): Promise<string | undefined> {
  const socket = connect(address)
  socket.setTimeout(ASK_TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
  try {
    return await text(socket)
  } catch {
    return undefined
  } finally {
    socket.destroy()
  }
}
