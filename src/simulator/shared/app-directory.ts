import { FeishuSupervisorError } from '../../core/errors.ts'
import { newId, stableId } from './ids.ts'

/** A self-built app with its bot, as an operator creates it in the developer console. */
export interface SimulatedApp {
  /** `cli_` and 16 hex digits; the Node SDK silently refuses to start with any other. [R] */
  readonly appId: string
  readonly appSecret: string
  readonly name: string
  /** Part of every event; the only check of a webhook without an Encrypt Key. Default empty. [D] */
  readonly verificationToken?: string
  /** What the tenant has granted it. Default: what a chat bot needs. */
  readonly scopes?: readonly string[]
  /** How it takes its events, if it may read that about itself. Default: it may not. */
  readonly subscription?: 'websocket' | 'webhook'
}

const APP_ID = /^cli_[0-9a-fA-F]{16}$/

/** The apps of the platform. */
export class AppDirectory {
  readonly #apps = new Map<string, SimulatedApp>()

  add(given: Partial<SimulatedApp>): SimulatedApp {
    const app = { appId: `cli_${newId().slice(0, 16)}`, appSecret: newId(), name: 'Helper', ...given }
    if (!APP_ID.test(app.appId)) {
      throw new FeishuSupervisorError('CONFIG_INVALID', `app id must be "cli_" and 16 hex digits, not "${app.appId}"`)
    }
    if (this.#apps.has(app.appId)) {
      throw new FeishuSupervisorError('CONFIG_INVALID', `app ${app.appId} exists already`)
    }
    this.#apps.set(app.appId, app)
    return app
  }

  get all(): readonly SimulatedApp[] {
    return [...this.#apps.values()]
  }

  find(appId: string): SimulatedApp | undefined {
    return this.#apps.get(appId)
  }

  /** For calls of the driver, where an unknown app is a mistake. */
  require(appId: string): SimulatedApp {
    const app = this.#apps.get(appId)
    if (app === undefined) throw new FeishuSupervisorError('CONFIG_INVALID', `app "${appId}" is unknown: add it first`)
    return app
  }
}

/** All users and bots of the simulator live in one tenant. */
export const TENANT_KEY = '2ca1d211f64f6438'

/** The three ids of a user; open_id differs per app, union_id and user_id do not. [D] */
export function userIds(appId: string, userId: string): { open_id: string; union_id: string; user_id: string } {
  return { open_id: stableId('ou_', appId, userId), union_id: stableId('on_', userId), user_id: userId }
}

/** A bot's ids; bots have no user_id. [D] */
export function botIds(appId: string): { open_id: string; union_id: string; user_id: string } {
  return { open_id: stableId('ou_', appId), union_id: stableId('on_', appId, 'bot'), user_id: '' }
}
