import type { HttpInstance } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../src/core/as-object.ts'
import { errorText } from '../../src/core/errors.ts'
import type { ConnectionTrouble } from '../../src/protocol/status.ts'
import { networkTrouble, troubleOfCode, troubleOfStatus } from './connection-trouble.ts'
import type { Http, HttpAnswer, HttpRequest } from './http.ts'

/** Any code the SDK takes as final: it then reports onError at once instead of looping on its own schedule. */
const STOP = { code: -1, msg: 'handled by the supervisor', data: {} }

/** Seconds; Feishu sends 90 or 120. A value from the wire must neither stop the pings nor make a storm of them. */
const PING_INTERVAL = { fallback: 120, least: 0.05, most: 600 }

/**
 * The `httpInstance` of one WSClient: performs its one discovery call, keeps what went wrong with
 * all details, and ends the SDK's own retry loop by answering every further call with a final code.
 */
export class Discovery {
  readonly #http: Http
  #called = false
  #trouble: ConnectionTrouble | undefined

  constructor(http: Http) {
    this.#http = http
  }

  /** Why discovery failed; undefined when it went well. */
  get trouble(): ConnectionTrouble | undefined {
    return this.#trouble
  }

  /** WSClient uses nothing of the instance but `request` (seen in SDK 1.74.0; held by a contract test). */
  get httpInstance(): HttpInstance {
    return { request: (request: HttpRequest) => this.#request(request) } as unknown as HttpInstance
  }

  async #request(request: HttpRequest): Promise<unknown> {
    if (this.#called) return STOP
    this.#called = true
    try {
      return this.#read(await this.#http.request(request))
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown.cause : undefined
      this.#trouble = networkTrouble(causeCode(cause), errorText(thrown))
      return STOP
    }
  }

  #read({ status, body }: HttpAnswer): unknown {
    const { code, msg, data } = asObject(body)
    if (typeof code === 'number' && code !== 0) {
      this.#trouble = troubleOfCode(code, typeof msg === 'string' ? msg : 'discovery refused')
      return STOP
    }
    if (status !== 200) {
      this.#trouble = troubleOfStatus(status)
      return STOP
    }
    const { URL: url, ClientConfig: config } = asObject(data)
    if (typeof url !== 'string' || !URL.canParse(url)) {
      this.#trouble = networkTrouble('EPROTO', 'discovery answered without a URL')
      return STOP
    }
    return {
      code: 0,
      msg,
      data: {
        URL: url,
        ClientConfig: {
          ...asObject(config),
          PingInterval: clampPingInterval(asObject(config)['PingInterval']),
          // Failed handshakes surface at once instead of after the SDK's own delays.
          ReconnectNonce: 0,
          ReconnectInterval: 0,
          ReconnectCount: 1,
        },
      },
    }
  }
}

/** Node aborts a call at its deadline with a code of its own that says nothing about time. */
function causeCode(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return 'ENETWORK'
  return cause.code === 'ABORT_ERR' ? 'ETIMEDOUT' : String(cause.code)
}

function clampPingInterval(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return PING_INTERVAL.fallback
  return Math.min(PING_INTERVAL.most, Math.max(PING_INTERVAL.least, value))
}
