import { Logger } from '@nestjs/common'
import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleDestroy, OnModuleInit } from '@nestjs/common'
import type { HttpAdapterHost, ModuleRef } from '@nestjs/core'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { errorText } from '../core/errors.ts'
import type { LogRecord } from '../core/log/logger.ts'
import { API_PREFIX } from '../http/routes.ts'
import { type MiddlewareHost, type MountedRoutes, mountRoutes } from './mount-routes.ts'

export interface NestHostDeps {
  readonly supervisor: FeishuSupervisor
  readonly adapterHost: HttpAdapterHost
  readonly moduleRef: ModuleRef
  /** Path of the HTTP API. Default: `feishu` under the host's global prefix. */
  readonly path: string | undefined
}

const LEVELS = { debug: 'debug', info: 'log', warn: 'warn', error: 'error' } as const

/** Runs a supervisor inside a NestJS application: mounts its routes, starts and stops it, forwards its log. */
export class NestHost implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  readonly #deps: NestHostDeps
  readonly #log = new Logger('FeishuSupervisor')
  #mountedOn: MiddlewareHost | undefined
  #routes: MountedRoutes | undefined

  constructor(deps: NestHostDeps) {
    this.#deps = deps
    deps.supervisor.on('log', this.#print)
    this.#mount()
  }

  /** Mounts again, because testing modules get their HTTP adapter only now. Their body parsers then run before the API. */
  onModuleInit(): void {
    this.#mount()
  }

  /** Starts the supervisor. The error of a failed start rejects `app.listen()` and `app.init()`. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.#deps.supervisor.start()
    } catch (thrown) {
      this.#log.error(`Feishu bots were not started: ${errorText(thrown)}`)
      throw thrown
    }
  }

  /** Stops before the host's own services, because handlers of messages in flight may need them. */
  async onModuleDestroy(): Promise<void> {
    await this.#deps.supervisor.stop()
  }

  beforeApplicationShutdown(): void {
    this.#routes?.close()
  }

  #mount(): void {
    const { supervisor, adapterHost } = this.#deps
    // Applications without HTTP have no adapter.
    const adapter = adapterHost.httpAdapter as MiddlewareHost | null | undefined
    if (adapter === undefined || adapter === null || adapter === this.#mountedOn) return
    this.#mountedOn = adapter
    this.#routes = mountRoutes(adapter, supervisor, () => this.#path())
  }

  #path(): string {
    const { path, moduleRef } = this.#deps
    if (path !== undefined) return path
    const prefix = globalPrefixOf(moduleRef).replaceAll(/^\/+|\/+$/g, '')
    return prefix === '' ? API_PREFIX : `/${prefix}/feishu`
  }

  readonly #print = ({ level, scope, message }: LogRecord): void => {
    this.#log[LEVELS[level]](`${scope}: ${message}`)
  }
}

/** Reads the global prefix. Hosts set it after their modules are created, and Nest has no public API for it. */
function globalPrefixOf(moduleRef: ModuleRef): string {
  const { container } = moduleRef as unknown as WithApplicationConfig
  return container?.applicationConfig?.getGlobalPrefix() ?? ''
}

interface WithApplicationConfig {
  readonly container?: { readonly applicationConfig?: { getGlobalPrefix(): string } }
}
