import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common'

export interface User {
  readonly id: string
  readonly isAdmin: boolean
}

/** Stands for sessions or JSON Web Tokens. */
const USERS = new Map<string | undefined, User>([
  ['Bearer anns-token', { id: 'ann', isAdmin: false }],
  ['Bearer bobs-token', { id: 'bob', isAdmin: false }],
  ['Bearer admins-token', { id: 'admin', isAdmin: true }],
])

@Injectable()
export class UsersGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest()
    request.user = USERS.get(request.headers.authorization)
    if (request.user === undefined) throw new UnauthorizedException()
    return true
  }
}
