import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type { BotBoot } from '../../src/protocol/boot.ts'

/**
 * Throws `CONFIG_INVALID` if the bot cannot work with its stored fields. Bots are checked when they are added, but other
 * programs can change the rows. On an app id of a wrong form the SDK stays idle without an error.
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
