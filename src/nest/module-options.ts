import type { ExecutionContext } from '@nestjs/common'
import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import type { Principal } from '../protocol/model/access.ts'

/** Options of the module: those of `createFeishuSupervisor` and those for a NestJS host. */
export interface FeishuSupervisorModuleOptions extends Omit<FeishuSupervisorOptions, 'authorize'> {
  /**
   * Path at which the HTTP API is mounted, for example `/internal/bots`. Everything below it belongs to this module.
   * Default: `feishu` under the host's global prefix, `/api/feishu` if it has none.
   */
  readonly path?: string | undefined
  /**
   * Your own check instead of API tokens. Returns the caller, or null to refuse the request. `context` works for your
   * guards, as in `guard.canActivate(context)`; it has the raw request of Node (with Express: the request of Express).
   * An `UnauthorizedException` is answered with 401, a `ForbiddenException` with 403. Default: API tokens.
   */
  readonly authorize?: (request: Request, context: ExecutionContext) => Principal | null | Promise<Principal | null>
}
