import type { HttpInstance } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import { errorText } from '../../../src/core/errors.ts'
import type { ConnectionTrouble } from '../../../src/protocol/model/status.ts'
import { networkTrouble, troubleOfCode, troubleOfStatus } from './connection-trouble.ts'
import type { GatewaySettings } from './gateway-settings.ts'
import type { Http, HttpAnswer, HttpRequest } from '../http/http.ts'

/** Answer that the SDK treats as final: it calls onError at once instead of looping on its own schedule. */
const STOP = { code: -1, msg: 'handled by the supervisor', data: {} }

/**
 * The `httpInstance` of one WSClient. Makes its one discovery call and keeps the trouble with all details. Answers every
 * further call with a final code, which ends the SDK's own retry loop.
 */
export class Discovery {
  readonly #http: Http
  readonly #settings: (untrusted: unknown) => GatewaySettings
  #called = false
  #trouble: ConnectionTrouble | undefined

  /** `settings` filters the settings of the answer. */
  constructor(http: Http, settings: (untrusted: unknown) => GatewaySettings) {
    this.#http = http
    this.#settings = settings
  }

  /** Why discovery failed. Undefined if it succeeded. */
  get trouble(): ConnectionTrouble | undefined {
    return this.#trouble
  }

  /** WSClient uses only `request` of the instance (seen in SDK 1.74.0, held by a contract test). */
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
    if (typeof url !== 'string' || !isWebSocketUrl(url)) {
      this.#trouble = networkTrouble('EPROTO', 'discovery answered without a WebSocket URL')
      return STOP
    }
    return { code: 0, msg, data: { URL: url, ClientConfig: this.#settings(config) } }
  }
}

function isWebSocketUrl(url: string): boolean {
  return URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)
}

/** Code of a failure. Node's code for an abort at a deadline does not mention time, so it becomes `ETIMEDOUT`. */
export function causeCode(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return 'ENETWORK'
  return cause.code === 'ABORT_ERR' ? 'ETIMEDOUT' : String(cause.code)
}
