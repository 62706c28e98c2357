import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { DataDirLock } from './lock-try.ts'

const ASK_TIMEOUT_MS = 500

type Address = { readonly path: string } | { readonly host: string; readonly port: number }

export interface Listener extends DataDirLock {
  readonly port: number
}

/** Listens and answers `words` to whoever connects; undefined if somebody else listens there. */
export async function listen(address: Address, words: string): Promise<Listener | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(words)
  })
  // Also in a cluster worker the name is ours alone, not shared with its siblings.
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

/** What the holder answers; undefined if nobody listens there or it does not answer in time. */
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
