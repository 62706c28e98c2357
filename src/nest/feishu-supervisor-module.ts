import { ConfigurableModuleBuilder, type ExecutionContext, HttpException, type Provider } from '@nestjs/common'
import { HttpAdapterHost, ModuleRef } from '@nestjs/core'
import { createFeishuSupervisor } from '../app/create-feishu-supervisor.ts'
import { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import { FeishuConnections } from './feishu-connections.ts'
import type { FeishuSupervisorModuleOptions } from './module-options.ts'
import { NestHost } from './nest-host.ts'
import { RequestRefused } from '../http/api/problem.ts'
import type { Authorize } from '../protocol/model/access.ts'

const OPTIONS = Symbol('options of feishu-supervisor')

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<FeishuSupervisorModuleOptions>({
  optionsInjectionToken: OPTIONS,
})
  .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
    providers: [...(definition.providers ?? []), ...PROVIDERS],
    exports: [FeishuSupervisor, FeishuConnections],
  }))
  .build()

/** Providers as factories. They name their dependencies, so decorator metadata is not needed. */
const PROVIDERS: readonly Provider[] = [
  {
    provide: FeishuSupervisor,
    inject: [OPTIONS],
    useFactory: ({ path: _path, authorize, ...options }: FeishuSupervisorModuleOptions) =>
      createFeishuSupervisor({ ...options, ...(authorize && { authorize: bridgedAuthorize(authorize) }) }),
  },
  {
    provide: FeishuConnections,
    inject: [FeishuSupervisor],
    useFactory: (supervisor: FeishuSupervisor) => new FeishuConnections(supervisor),
  },
  {
    provide: NestHost,
    inject: [FeishuSupervisor, HttpAdapterHost, ModuleRef, OPTIONS],
    useFactory: (
      supervisor: FeishuSupervisor,
      adapterHost: HttpAdapterHost,
      moduleRef: ModuleRef,
      { path }: FeishuSupervisorModuleOptions,
    ) => new NestHost({ supervisor, adapterHost, moduleRef, path: checkedPath(path) }),
  },
]

/**
 * Runs a supervisor inside a NestJS application. It starts after the application and stops before the host's own
 * services. Its HTTP API is mounted in the host. `register` takes the options; `registerAsync` takes a factory that may
 * inject services of the host. Provides `FeishuConnections` and `FeishuSupervisor`, with `isGlobal: true` to every
 * module.
 */
export class FeishuSupervisorModule extends ConfigurableModuleClass {}

function checkedPath(path: string | undefined): string | undefined {
  if (path === undefined || /^(\/[\w.~-]+)+$/.test(path)) return path
  throw new FeishuSupervisorError('CONFIG_INVALID', `path: expected a path such as /api/feishu, not "${path}"`)
}

type HostAuthorize = NonNullable<FeishuSupervisorModuleOptions['authorize']>

/** Adapts the host's check to the routes. An exception with status 401 or 403 from a Nest guard becomes the answer. */
export function bridgedAuthorize(authorize: HostAuthorize): Authorize {
  return async (request, context) => {
    try {
      return await authorize(request, context as ExecutionContext)
    } catch (thrown) {
      const status = thrown instanceof HttpException ? thrown.getStatus() : undefined
      if (status === 401) return null
      if (status === 403) throw new RequestRefused(403, (thrown as HttpException).message)
      throw thrown
    }
  }
}
