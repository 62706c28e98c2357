import { FeishuSupervisorError } from '../../core/errors.ts'
import { newId, stableId } from './ids.ts'

/** A self-built app with its bot, as created in the developer console. */
export interface SimulatedApp {
  /** `cli_` and 16 hex digits. The Node SDK silently refuses to start with any other id. [R] */
  readonly appId: string
  readonly appSecret: string
  readonly name: string
  /** Verification Token in every event, the only check of a webhook without an Encrypt Key. Default empty. [D] */
  readonly verificationToken?: string
  /** Scopes granted by the tenant. Default: the scopes of a chat bot. */
  readonly scopes?: readonly string[]
  /** Subscription mode that the app can read about itself. Default: the app may not read it. */
  readonly subscription?: 'websocket' | 'webhook'
}

const APP_ID = /^cli_[0-9a-fA-F]{16}$/

/** All apps of the platform. */
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

  /** Returns an app for a call of the driver. Throws `CONFIG_INVALID` for an unknown app. */
  require(appId: string): SimulatedApp {
    const app = this.#apps.get(appId)
    if (app === undefined) throw new FeishuSupervisorError('CONFIG_INVALID', `app "${appId}" is unknown: add it first`)
    return app
  }
}

/** The one tenant of all users and bots of the simulator. */
export const TENANT_KEY = '2ca1d211f64f6438'

/** The three ids of a user. open_id differs per app, union_id and user_id do not. [D] */
export function userIds(appId: string, userId: string): { open_id: string; union_id: string; user_id: string } {
  return { open_id: stableId('ou_', appId, userId), union_id: stableId('on_', userId), user_id: userId }
}

/** The ids of a bot. Bots have no user_id. [D] */
export function botIds(appId: string): { open_id: string; union_id: string; user_id: string } {
  return { open_id: stableId('ou_', appId), union_id: stableId('on_', appId, 'bot'), user_id: '' }
}
