import { Module } from '@nestjs/common'
import { FeishuModule } from './feishu/feishu.module.js'

@Module({ imports: [FeishuModule] })
export class AppModule {}
