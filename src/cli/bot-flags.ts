import { FeishuSupervisorError } from '../core/errors.ts'

/** `inboundPerSecond=5`: which names and numbers there are is the bot's to say. */
export function limitsOf(flags: readonly string[]): Record<string, number> {
  return Object.fromEntries(pairsOf('--limit', flags).map(([field, value]) => [field, Number(value)]))
}

/** `groups=all`, and for the lists `users=ou_1,ou_2`. */
export function policyOf(flags: readonly string[]): Record<string, string | string[]> {
  const isList = (field: string): boolean => field === 'chats' || field === 'users'
  return Object.fromEntries(
    pairsOf('--policy', flags).map(([field, value]) => [field, isList(field) ? value.split(',') : value]),
  )
}

function pairsOf(flag: string, given: readonly string[]): [string, string][] {
  return given.map((text) => {
    const [, field, value] = /^(\w+)=(.+)$/.exec(text) ?? []
    if (field !== undefined && value !== undefined) return [field, value]
    throw new FeishuSupervisorError('CONFIG_INVALID', `${flag}: expected name=value, not "${text}"`)
  })
}
