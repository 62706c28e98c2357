import { FeishuSupervisorError } from '../core/errors.ts'

/** Parses `inboundPerSecond=5`. The schema of the bot checks the name and the number. */
export function limitsOf(flags: readonly string[]): Record<string, number> {
  return Object.fromEntries(pairsOf('--limit', flags).map(([field, value]) => [field, Number(value)]))
}

/** Parses `groups=all`, and lists such as `users=ou_1,ou_2`. */
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
