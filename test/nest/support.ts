import {
  Body,
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type OnModuleDestroy,
  Post,
  UnauthorizedException,
} from '@nestjs/common'
import type { Principal } from '../../src/index.ts'

/** Applies Nest's decorators without their syntax, which this project's compiler settings leave out. */
function decorated<T extends object>(target: T, ...decorators: ((target: T) => void)[]): T {
  for (const decorate of decorators) decorate(target)
  return target
}

/** A guard as hosts have them: it puts the user on the request or throws. */
export class UsersGuard implements CanActivate, OnModuleDestroy {
  /** Called when the application takes this service away. */
  destroyed: () => void = () => {}

  onModuleDestroy(): void {
    this.destroyed()
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HostRequest>()
    const user = request.headers['x-user']
    if (user === undefined) throw new UnauthorizedException()
    if (user === 'mallory') throw new ForbiddenException('not you')
    request.user = { name: user }
    return user !== 'nobody'
  }
}
decorated(UsersGuard, Injectable())

interface HostRequest {
  readonly headers: Readonly<Record<string, string | undefined>>
  user?: { readonly name: string }
}

/** Lets the host's guard decide, and makes its user ours. */
export async function principalOf(guard: UsersGuard, context: ExecutionContext): Promise<Principal | null> {
  if (!guard.canActivate(context)) return null
  const name = context.switchToHttp().getRequest<HostRequest>().user?.name ?? ''
  return { id: 'session', owner: name, role: 'user', scopes: ['read', 'write'] }
}

/** A route of the host, which needs its own body parser. */
export class HelloController {
  hello(body: { name: string }): object {
    return { hello: body.name }
  }
}
decorated(HelloController, Controller('hello'))
Post()(HelloController.prototype, 'hello', Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello') ?? {})
Body()(HelloController.prototype, 'hello', 0)

class Users {
  readonly name = 'users'
}

export const UsersModule: DynamicModule = {
  module: Users,
  providers: [UsersGuard],
  exports: [UsersGuard],
  controllers: [HelloController],
}

class Root {
  readonly name = 'root'
}

export function rootModule(...imports: DynamicModule[]): DynamicModule {
  return { module: Root, imports }
}
