import { Module } from '@nestjs/common'
import { FeishuSupervisorModule } from 'feishu-supervisor/nestjs'
import { ChatModule } from '../chat/chat.module.js'
import { ChatService } from '../chat/chat.service.js'
import { UsersGuard } from '../users/users.guard.js'
import { UsersModule } from '../users/users.module.js'
import { FeishuBots } from './feishu-bots.js'
import { FeishuBotsModule } from './feishu-bots.module.js'
import { FeishuController } from './feishu.controller.js'

const supervisor = FeishuSupervisorModule.registerAsync({
  imports: [ChatModule, UsersModule, FeishuBotsModule],
  inject: [ChatService, UsersGuard, FeishuBots],
  useFactory: (chat: ChatService, guard: UsersGuard, botSource: FeishuBots) => ({
    dataDir: process.env.DATA_DIR ?? './data',
    botSource,
    // The host's own service answers, on the host's thread.
    handler: async (message, ctx) => {
      // For you to try: it fails once, and the answer comes all the same.
      if (message.text === 'crash' && ctx.attempt === 1) throw new Error('the chat service failed')
      await ctx.reply(await chat.answer(message.text))
    },
    // Bots that name it are answered by a module in the chat pool.
    handlers: { sums: './handlers/sums.mjs' },
    authorize: (_request, context) => {
      guard.canActivate(context)
      const { user } = context.switchToHttp().getRequest()
      return { id: 'session', owner: user.id, role: user.isAdmin ? 'admin' : 'user', scopes: ['read', 'write'] }
    },
  }),
})

@Module({ imports: [supervisor, UsersModule, FeishuBotsModule], controllers: [FeishuController] })
export class FeishuModule {}
