import type { Authorize } from '../protocol/model/access.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'
import type { AlertOptions } from '../protocol/options/alert-options.ts'
import type { ConnectionOptions } from '../protocol/options/connection-options.ts'
import type { MessageHandlingOptions } from '../protocol/options/handling-options.ts'
import type { HealthOptions } from '../protocol/options/health-options.ts'
import type { SupervisionOptions } from '../protocol/options/supervision-options.ts'
import type { HandlerOption } from './handlers.ts'

/** Options of `createFeishuSupervisor`; all are optional. */
export interface FeishuSupervisorOptions {
  /** PostgreSQL URL, `postgres://user:password@host:port/database`. Default: none, an embedded PGlite keeps everything in `dataDir`. */
  readonly databaseUrl?: string | undefined
  /** Folder of the embedded database and of the generated key file. One process at a time. Default: `./data`. */
  readonly dataDir?: string | undefined
  /** The key that seals the app secrets in the database: 32 bytes in base64. Default: a key file in `dataDir`, which is made at the first start. */
  readonly masterKey?: string | undefined
  /**
   * Who answers: `echo`; `http` or `openai` with their options; the path of a module whose default export is a
   * handler, which runs in the chat pool; or a function, or an object of functions, which runs on your own thread and
   * is not isolated. Default: `echo`.
   */
  readonly handler?: HandlerOption | undefined
  /** More handlers by name, for bots that name one (`addBot({ handler })`). A name is 1 to 64 letters, digits, `_` or `-`. Default: none. */
  readonly handlers?: Readonly<Record<string, HandlerOption>> | undefined
  /**
   * Credentials of handlers by name (`ctx.secret(name)`), at least 8 characters each. They reach every thread that
   * runs handlers, and no log. Default: none.
   */
  readonly secrets?: Readonly<Record<string, string>> | undefined
  /** Most long connections of this instance, 1 to 1 000. Further bots wait, and their status says so. Default: 10. */
  readonly maxConnections?: number | undefined
  /** Time for the messages in flight when stopping. What is not finished then is answered after the next start. Default: 10 000 ms. */
  readonly shutdownGraceMs?: number | undefined
  /** Bearer token of an admin for the HTTP API, at least 32 characters. `createToken` makes more. Default: none. */
  readonly apiToken?: string | undefined
  /** Where alerts are posted to. Default: nowhere; the event `alert` tells them in any case. */
  readonly alerts?: AlertOptions | undefined
  /** Your own check instead of API tokens: who asks, or null for a stranger. Runs on your thread for every request. Default: API tokens. */
  readonly authorize?: Authorize | undefined
  /** Your own table of bots instead of ours: see docs/bot-source.md. Runs on your thread. Default: our own table. */
  readonly botSource?: BotSource | undefined
  /**
   * Host names, without port, under which the HTTP API answers. Requests for other names are refused, so that no web
   * page of another name reaches it. Default: any.
   */
  readonly allowedHosts?: readonly string[] | undefined
  /**
   * Origins that bots may be pointed at through the HTTP API, besides those of Feishu and Lark. App secrets are sent
   * there. Default: none.
   */
  readonly allowedDomains?: readonly string[] | undefined
  /** How bot workers and the supervisor thread are watched and restarted. */
  readonly supervision?: SupervisionOptions | undefined
  /** When the whole instance counts as in trouble, which raises an `alert`. */
  readonly health?: HealthOptions | undefined
  /** How bots connect to Feishu, acknowledge events and send. */
  readonly connection?: ConnectionOptions | undefined
  /** How messages are handled and answered. */
  readonly messages?: MessageHandlingOptions | undefined
}
