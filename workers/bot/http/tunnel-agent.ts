import type { AgentOptions, ClientRequest } from 'node:http'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { systemClock } from '../../../src/core/time/clock.ts'

type ConnectOptions = Parameters<HttpsProxyAgent<string>['connect']>[1]
type Connected = ReturnType<HttpsProxyAgent<string>['connect']>

/**
 * Tunnels every call through a proxy (HTTP CONNECT) within `timeoutMs`. Node ends a call only once it has a socket, so
 * the limit of the call does not work behind a silent proxy. A refusal of the proxy is a connection error; the base class
 * would pass the proxy's page on as Feishu's answer.
 */
export class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #timeoutMs: number

  constructor(proxy: string, timeoutMs: number, options: AgentOptions & { readonly ca?: string[] }) {
    super(proxy, options)
    this.#timeoutMs = timeoutMs
  }

  override async connect(request: ClientRequest, options: ConnectOptions): Connected {
    const abort = new AbortController()
    const cancel = systemClock.after(this.#timeoutMs, () => abort.abort())
    let status = 0
    request.once('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      status = statusCode
    })
    try {
      this.connectOpts = { ...this.connectOpts, signal: abort.signal }
      const socket = await super.connect(request, options)
      if (status === 200) return socket
      socket.destroy()
    } catch (thrown) {
      if (abort.signal.aborted) throw connectError('ETIMEDOUT', `no answer of the proxy within ${this.#timeoutMs} ms`)
      throw thrown
    } finally {
      cancel()
    }
    throw connectError('EPROXY', `the proxy answered with status ${status}`)
  }
}

/** Error like those of Node's own connect: no byte of the call was sent. */
function connectError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: 'connect' })
}
