import { Module } from '@nestjs/common'
import { FeishuBots } from './feishu-bots.js'

@Module({ providers: [FeishuBots], exports: [FeishuBots] })
export class FeishuBotsModule {}
