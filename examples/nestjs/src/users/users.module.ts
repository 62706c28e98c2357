import { Module } from '@nestjs/common'
import { UsersGuard } from './users.guard.js'

@Module({ providers: [UsersGuard], exports: [UsersGuard] })
export class UsersModule {}
