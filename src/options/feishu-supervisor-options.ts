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
  /** PostgreSQL URL, `postgres://user:password@host:port/database`. Default: none; then an embedded PGlite database in `dataDir` is used. */
  readonly databaseUrl?: string | undefined
  /** Folder of the embedded database and of the generated key file. Only one process can use it at a time. Default: `./data`. */
  readonly dataDir?: string | undefined
  /** Key that seals the app secrets in the database: 32 bytes in base64. Default: a key file in `dataDir`, made at the first start. */
  readonly masterKey?: string | undefined
  /**
   * Handler that answers events: `echo`; `http` or `openai` with their options; the path of a module whose default
   * export is a handler, which runs in the chat pool; or a function, or an object of functions, which runs on your own
   * thread and is not isolated. Default: `echo`.
   */
  readonly handler?: HandlerOption | undefined
  /** More handlers by name, for bots that choose one with `addBot({ handler })`. A name is 1 to 64 letters, digits, `_` or `-`. Default: none. */
  readonly handlers?: Readonly<Record<string, HandlerOption>> | undefined
  /**
   * Credentials of handlers by name (`ctx.secret(name)`), at least 8 characters each. They reach every thread that
   * runs handlers, and no log. Default: none.
   */
  readonly secrets?: Readonly<Record<string, string>> | undefined
  /** Most long connections of this instance, 1 to 1 000. Further bots wait, and their status shows it. Default: 10. */
  readonly maxConnections?: number | undefined
  /**
   * Time for the messages in flight when stopping. Half of it, at most 5 s, is kept for giving back what has not ended:
   * those messages are answered after the next start, and count no attempt. Default: 10 000 ms.
   */
  readonly shutdownGraceMs?: number | undefined
  /** Bearer token of an admin for the HTTP API, at least 32 characters. `createToken` makes more. Default: none. */
  readonly apiToken?: string | undefined
  /** Webhook to which alerts are posted. Default: none; the event `alert` is emitted in any case. */
  readonly alerts?: AlertOptions | undefined
  /** Your own check instead of API tokens. Returns the caller, or null to refuse the request. Runs on your thread for every request. Default: API tokens. */
  readonly authorize?: Authorize | undefined
  /** Your own table of bots; docs/bot-source.md explains it. Runs on your thread. Default: the bots are stored in the database of the supervisor. */
  readonly botSource?: BotSource | undefined
  /**
   * Host names, without port, under which the HTTP API answers. Requests for other names are refused. This stops web
   * pages that reach the API under a foreign name. Default: any.
   */
  readonly allowedHosts?: readonly string[] | undefined
  /**
   * Origins that the `domain` of a bot may name in the HTTP API, besides those of Feishu and Lark. App secrets are sent
   * to these origins. Default: none.
   */
  readonly allowedDomains?: readonly string[] | undefined
  /**
   * Owners whose API tokens may give a bot one of the `handlers`, by the name of the handler. A handler that is not here
   * is given by admins only, but `default` by everybody. Default: none.
   */
  readonly handlerOwners?: Readonly<Record<string, readonly string[]>> | undefined
  /** How bot workers and the supervisor thread are watched and restarted. */
  readonly supervision?: SupervisionOptions | undefined
  /** When the whole instance counts as in trouble, which raises an `alert`. */
  readonly health?: HealthOptions | undefined
  /** How bots connect to Feishu, acknowledge events and send. */
  readonly connection?: ConnectionOptions | undefined
  /** How messages are handled and answered. */
  readonly messages?: MessageHandlingOptions | undefined
}
