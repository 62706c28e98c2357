import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionContext } from '@nestjs/common'

/** What guards look at for their metadata: our routes are no controllers of Nest and have none. */
class FeishuRoutes {
  handle(): void {}
}

/** A request to our routes as Nest's guards know one. */
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
