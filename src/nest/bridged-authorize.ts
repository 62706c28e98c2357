import { type ExecutionContext, HttpException } from '@nestjs/common'
import { RequestRefused } from '../http/api/problem.ts'
import type { Authorize } from '../protocol/model/access.ts'
import type { FeishuSupervisorModuleOptions } from './module-options.ts'

type HostAuthorize = NonNullable<FeishuSupervisorModuleOptions['authorize']>

/** A host's check as our routes call it: what guards of Nest throw to refuse a request becomes its answer. */
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
