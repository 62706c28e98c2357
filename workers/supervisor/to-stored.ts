import { Secret } from '../../src/core/secret.ts'
import type { BotChangeInput, BotInput } from '../../src/protocol/host.ts'
import type { BotChange, NewBot } from '../../src/store/store.ts'

/** What a host gives of a bot, as the store takes it: secrets guarded, nothing undefined. */
export function toNewBot({
  appSecret,
  encryptKey,
  verificationToken,
  owner,
  isolation,
  handler,
  ...rest
}: BotInput): NewBot {
  return {
    ...rest,
    ...given({ owner, isolation, handler }),
    appSecret: new Secret(appSecret),
    encryptKey: secretOrNull(encryptKey),
    verificationToken: secretOrNull(verificationToken),
  }
}

export function toChange({ appSecret, encryptKey, verificationToken, ...rest }: BotChangeInput): BotChange {
  return given({
    ...rest,
    appSecret: appSecret === undefined ? undefined : new Secret(appSecret),
    encryptKey: encryptKey === undefined ? undefined : secretOrNull(encryptKey),
    verificationToken: verificationToken === undefined ? undefined : secretOrNull(verificationToken),
  })
}

function secretOrNull(value: string | null | undefined): Secret | null {
  return value === null || value === undefined ? null : new Secret(value)
}

/** Without the fields that are undefined. */
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
