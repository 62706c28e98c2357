import type { ExecutionContext } from '@nestjs/common'
import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import type { Principal } from '../protocol/model/access.ts'

/** Options of the module: those of `createFeishuSupervisor`, and what belongs to a NestJS host. */
export interface FeishuSupervisorModuleOptions extends Omit<FeishuSupervisorOptions, 'authorize'> {
  /**
   * Path at which the HTTP API is mounted, for example `/internal/bots`. Everything below it belongs to this module.
   * Default: `feishu` under the host's global prefix, `/api/feishu` if it has none.
   */
  readonly path?: string | undefined
  /**
   * Your own check instead of API tokens: who asks, or null for a stranger. `context` is what a guard of yours
   * expects, with the raw request of Node (in Express: Express' own), so `guard.canActivate(context)` works; an
   * `UnauthorizedException` or a `ForbiddenException` is answered as such. Default: API tokens.
   */
  readonly authorize?: (request: Request, context: ExecutionContext) => Principal | null | Promise<Principal | null>
}
