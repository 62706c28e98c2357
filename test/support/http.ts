import { afterAll, afterEach } from 'vitest'
import type { FeishuSupervisor, FeishuSupervisorOptions } from '../../src/index.ts'
import { API_TOKEN, Cleanups } from './system.ts'

/** The API of one supervisor as a client sees it. */
export class Client {
  readonly #supervisor: Pick<FeishuSupervisor, 'fetch'>
  readonly #token: string | null

  constructor(supervisor: Pick<FeishuSupervisor, 'fetch'>, token: string | null = API_TOKEN) {
    this.#supervisor = supervisor
    this.#token = token
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return await this.#supervisor.fetch(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
  }

  /** Status and parsed body. */
  async call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await this.send(method, path, body)
    return { status: response.status, body: await response.json() }
  }
}

/** One supervisor for all tests of a file, and cleanups after each. */
export function shared(): { readonly file: Cleanups; readonly test: Cleanups } {
  const file = new Cleanups()
  const test = new Cleanups()
  afterEach(test.run)
  afterAll(file.run)
  return { file, test }
}

export async function startedSupervisor(
  cleanups: Cleanups,
  options: FeishuSupervisorOptions = {},
): Promise<FeishuSupervisor> {
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), ...options })
  await supervisor.start()
  return supervisor
}
