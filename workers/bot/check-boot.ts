import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type { BotBoot } from '../../src/protocol/boot.ts'

/**
 * Throws `CONFIG_INVALID` when this bot can never work with what is stored of it. Bots are checked when they are
 * added, but rows can be changed by others, and the SDK stays idle without an error on an app id it does not like.
 */
export function checkBoot({ appId, appSecret, domain }: Pick<BotBoot, 'appId' | 'appSecret' | 'domain'>): void {
  if (!/^cli_[0-9a-fA-F]{16}$/.test(appId)) {
    throw new FeishuSupervisorError('CONFIG_INVALID', 'appId: expected cli_ followed by 16 hexadecimal digits')
  }
  if (appSecret === '') throw new FeishuSupervisorError('CONFIG_INVALID', 'appSecret: must not be empty')
  if (!/^https?:$/.test(URL.canParse(domain) ? new URL(domain).protocol : '')) {
    throw new FeishuSupervisorError('CONFIG_INVALID', 'domain: expected an origin such as https://open.feishu.cn')
  }
}
