import http from 'node:http'
import https from 'node:https'
import { rootCertificates } from 'node:tls'
import { isDirect } from '../../../src/core/hosts.ts'
import { TunnelAgent } from './tunnel-agent.ts'

export interface EgressOptions {
  /** URL of the proxy. Default: none, all connections are direct. */
  readonly proxy?: string | undefined
  /** Hosts reached without the proxy. Default: none. */
  readonly noProxy?: readonly string[]
  /** PEM certificates trusted in addition to Node's own. */
  readonly ca?: string | undefined
  /** Limit for the connection through the proxy, milliseconds. Default 10 000. */
  readonly sendTimeoutMs?: number
}

export interface Route {
  /** Absent: Node's own connection without keep-alive. */
  readonly agent?: http.Agent
  /** Certificates to trust. Absent: those of Node. */
  readonly ca?: string[]
}

/** Decides how a URL is reached, for REST calls and WebSockets alike. In Node the two differ by default. */
export class Egress {
  readonly #options: EgressOptions
  readonly #http = new http.Agent({ keepAlive: true })
  readonly #https = new https.Agent({ keepAlive: true })
  readonly #tunnel: { readonly calls: TunnelAgent; readonly webSockets: TunnelAgent } | undefined
  readonly #ca: string[] | undefined

  constructor(options: EgressOptions = {}) {
    this.#options = options
    this.#ca = options.ca === undefined ? undefined : [...rootCertificates, options.ca]
    const { proxy, sendTimeoutMs: connectTimeoutMs = 10_000 } = options
    if (proxy === undefined) return
    // The certificate of a TLS proxy has to be trusted too.
    const trust = this.#ca === undefined ? {} : { ca: this.#ca }
    this.#tunnel = {
      calls: new TunnelAgent(proxy, connectTimeoutMs, { keepAlive: true, ...trust }),
      webSockets: new TunnelAgent(proxy, connectTimeoutMs, trust),
    }
  }

  to(url: URL): Route {
    const isSecure = url.protocol === 'https:' || url.protocol === 'wss:'
    const agent = this.#agentFor(url)
    return {
      ...(agent === undefined ? {} : { agent }),
      ...(this.#ca === undefined || !isSecure ? {} : { ca: this.#ca }),
    }
  }

  /** Host and port of the proxy for this URL. Undefined: direct. */
  proxyTo(url: URL): string | undefined {
    const { proxy, noProxy = [] } = this.#options
    return proxy === undefined || isDirect(url, noProxy) ? undefined : new URL(proxy).host
  }

  close(): void {
    for (const agent of [this.#http, this.#https, this.#tunnel?.calls, this.#tunnel?.webSockets]) agent?.destroy()
  }

  /** A WebSocket never reuses the idle connection of a call: that connection may be about to close. */
  #agentFor(url: URL): http.Agent | undefined {
    const isWebSocket = url.protocol === 'ws:' || url.protocol === 'wss:'
    if (this.#tunnel !== undefined && this.proxyTo(url) !== undefined) {
      return isWebSocket ? this.#tunnel.webSockets : this.#tunnel.calls
    }
    if (isWebSocket) return undefined
    return url.protocol === 'https:' ? this.#https : this.#http
  }
}
