import { assertNever } from '../core/assert-never.ts'
import type { FailureMode, Fault } from './fault.ts'
import type { Fields } from './fields.ts'
import type { TrafficPlan } from './traffic.ts'
import type { UserMessage } from './user-message.ts'

/** What the control API accepts; every reader throws CONFIG_INVALID with the name of the field that is wrong. */
export function readMessage(fields: Fields): UserMessage {
  return {
    appId: fields.text('appId'),
    chatId: fields.text('chatId'),
    text: fields.text('text'),
    ...fields.optional('userId', (name) => fields.text(name)),
    ...fields.optional('chatType', (name) => fields.oneOf<'p2p' | 'group'>(name, ['p2p', 'group'])),
    ...fields.optional('mentions', (name) =>
      fields.list(name, (item) => ({
        name: item.text('name'),
        ...item.optional('userId', (userId) => item.text(userId)),
      })),
    ),
  }
}

export function readTrafficPlan(fields: Fields): TrafficPlan {
  return {
    chats: fields.list('chats', (item) => ({ appId: item.text('appId'), chatId: item.text('chatId') })),
    count: fields.number('count'),
    ...fields.optional('textPrefix', (name) => fields.text(name)),
    ...(fields.has('perSecond')
      ? { perSecond: fields.number('perSecond') }
      : { intervalMs: fields.number('intervalMs') }),
  }
}

const FAULT_KINDS = [
  'close_connections',
  'withhold_acks',
  'freeze_connections',
  'revoke_tokens',
  'fail_next',
] as const satisfies readonly Fault['kind'][]

export function readFault(fields: Fields): Fault {
  const kind = fields.oneOf('kind', FAULT_KINDS)
  switch (kind) {
    case 'close_connections':
      return {
        kind,
        appId: fields.text('appId'),
        mode: fields.oneOf('mode', ['close', 'reset']),
        ...fields.optional('code', (name) => fields.number(name)),
      }
    case 'fail_next':
      return {
        kind,
        call: fields.oneOf('call', ['discovery', 'handshake', 'token', 'create', 'reply']),
        ...fields.optional('appId', (name) => fields.text(name)),
        ...fields.optional('count', (name) => fields.number(name)),
        ...readFailureMode(fields),
      }
    case 'withhold_acks':
    case 'freeze_connections':
    case 'revoke_tokens':
      return { kind, appId: fields.text('appId') }
    default:
      return assertNever(kind)
  }
}

function readFailureMode(fields: Fields): FailureMode {
  if (fields.has('hang')) return { hang: true }
  if (fields.has('loseAnswer')) return { loseAnswer: true }
  return {
    ...fields.optional('http', (name) => fields.number(name)),
    ...fields.optional('code', (name) => fields.number(name)),
    ...fields.optional('msg', (name) => fields.text(name)),
    ...fields.optional('retryAfterMs', (name) => fields.number(name)),
  }
}
