import { Controller, Get, Inject, Req, UseGuards } from '@nestjs/common'
import { type BotConnection, FeishuConnections } from 'feishu-supervisor/nestjs'
import { type User, UsersGuard } from '../users/users.guard.js'
import { FeishuBots } from './feishu-bots.js'

/** A route of the host about its bots, beside those of feishu-supervisor. */
@Controller('my-bots')
@UseGuards(UsersGuard)
export class FeishuController {
  constructor(
    @Inject(FeishuConnections) private readonly connections: FeishuConnections,
    @Inject(FeishuBots) private readonly bots: FeishuBots,
  ) {}

  @Get()
  list(@Req() { user }: { user: User }): BotConnection[] {
    return this.bots.list().flatMap(({ id, owner }) => (owner === user.id ? [this.connections.getStatus(id)] : []))
  }
}
