import type { Socket } from 'node:net'

/** Ends each of two sockets with the other; `ended` is told once for each. What flows between them is the caller's. */
export function joinSockets(client: Socket, server: Socket, ended: () => void): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on('error', () => {})
    from.on('close', () => {
      ended()
      to.destroy()
    })
  }
}
