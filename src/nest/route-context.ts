import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionContext } from '@nestjs/common'

/** Controller that guards read metadata from. It has none: the routes of this API are not Nest controllers. */
class FeishuRoutes {
  handle(): void {}
}

/** Creates the `ExecutionContext` of a request to this API, for the guards of Nest. */
export function routeContext(request: IncomingMessage, response: ServerResponse): ExecutionContext {
  const args = [request, response]
  const refuse = (): never => {
    throw new TypeError('this is an HTTP request: ask for switchToHttp()')
  }
  const context: Record<keyof ExecutionContext, (index: number) => unknown> = {
    getType: () => 'http',
    getClass: () => FeishuRoutes,
    getHandler: () => FeishuRoutes.prototype.handle,
    getArgs: () => args,
    getArgByIndex: (index) => args[index],
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => response, getNext: () => refuse }),
    switchToRpc: refuse,
    switchToWs: refuse,
  }
  return context as ExecutionContext
}
