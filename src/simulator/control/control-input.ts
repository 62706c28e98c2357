import { assertNever } from '../../core/assert-never.ts'
import { FAULTY_CALLS, type FailureMode, type Fault, type Schedule, SPOILINGS, type Spoiling } from '../faults/fault.ts'
import type { SimulatedApp } from '../shared/app-directory.ts'
import type { ControlFields } from './control-fields.ts'
import type { TrafficPlan } from '../users/traffic.ts'
import { USER_MESSAGE_TYPES } from '../messages/sample-content.ts'
import type {
  CardClick,
  MembershipChange,
  MenuClick,
  RawEvent,
  Reaction,
  Reading,
  UserAction,
} from '../users/user-action.ts'
import type { TypedMessage, UserMessage, UserWriting } from '../messages/user-message.ts'
import type { Webhook } from '../events/webhook.ts'

// Inputs of the control API. Every reader throws `CONFIG_INVALID` with the name of the wrong field.

export function readApp(fields: ControlFields): SimulatedApp {
  return {
    appId: fields.text('appId'),
    appSecret: fields.text('appSecret'),
    name: fields.text('name'),
    ...fields.optional('verificationToken', (name) => fields.text(name)),
  }
}

export function readWebhookSetup(fields: ControlFields): Webhook {
  return {
    url: fields.text('url'),
    ...fields.optional('encryptKey', (name) => fields.text(name)),
    ...fields.optional('hasOddJson', (name) => fields.flag(name)),
    ...fields.optional('signsAnew', (name) => fields.flag(name)),
  }
}

export function readUserMessage(fields: ControlFields): UserMessage | TypedMessage {
  if (!fields.has('messageType')) return { ...readWriting(fields), text: fields.text('text') }
  return {
    ...readWriting(fields),
    messageType: fields.oneOf('messageType', USER_MESSAGE_TYPES),
    ...fields.optional('content', (name) => fields.object(name)),
  }
}

function readWriting(fields: ControlFields): UserWriting {
  return {
    ...readAction(fields),
    ...fields.optional('chatType', (name) => fields.oneOf<'p2p' | 'group'>(name, ['p2p', 'group'])),
    ...fields.optional('mentions', (name) =>
      fields.list(name, (item) => ({
        name: item.text('name'),
        ...item.optional('userId', (userId) => item.text(userId)),
      })),
    ),
    ...fields.optional('replyTo', (name) => fields.text(name)),
  }
}

export function readAction(fields: ControlFields): UserAction {
  return {
    appId: fields.text('appId'),
    chatId: fields.text('chatId'),
    ...fields.optional('userId', (name) => fields.text(name)),
  }
}

export function readReaction(fields: ControlFields): Reaction {
  return {
    appId: fields.text('appId'),
    messageId: fields.text('messageId'),
    emojiType: fields.text('emojiType'),
    ...fields.optional('isRemoved', (name) => fields.flag(name)),
    ...fields.optional('userId', (name) => fields.text(name)),
  }
}

export function readReading(fields: ControlFields): Reading {
  return { appId: fields.text('appId'), messageIds: fields.texts('messageIds'), userId: fields.text('userId') }
}

export function readRawEvent(fields: ControlFields): RawEvent {
  return {
    appId: fields.text('appId'),
    type: fields.text('type'),
    event: fields.object('event'),
    ...fields.optional('schema', (name) => fields.oneOf<'1.0' | '2.0'>(name, ['1.0', '2.0'])),
  }
}

export function readMembershipChange(fields: ControlFields): MembershipChange {
  return {
    ...readAction(fields),
    ...fields.optional('name', (name) => fields.text(name)),
    ...fields.optional('isExternal', (name) => fields.flag(name)),
  }
}

export function readMenuClick(fields: ControlFields): MenuClick {
  return { ...readAction(fields), eventKey: fields.text('eventKey') }
}

export function readCardClick(fields: ControlFields): CardClick {
  return {
    ...readAction(fields),
    value: fields.value('value'),
    ...fields.optional('messageId', (name) => fields.text(name)),
    ...fields.optional('tag', (name) => fields.text(name)),
    ...fields.optional('name', (name) => fields.text(name)),
    ...fields.optional('formValue', (name) => fields.object(name)),
    ...fields.optional('eventId', (name) => fields.text(name)),
  }
}

export function readTrafficPlan(fields: ControlFields): TrafficPlan {
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
  'forget_connections',
  'revoke_tokens',
  'fail_next',
  'spoil_next',
  'restart_platform',
  'clear_faults',
] as const satisfies readonly Fault['kind'][]

export function readFault(fields: ControlFields): Fault {
  const kind = fields.oneOf('kind', FAULT_KINDS)
  switch (kind) {
    case 'close_connections':
      return {
        kind,
        ...readConnections(fields),
        mode: fields.oneOf('mode', ['close', 'reset']),
        ...fields.optional('code', (name) => fields.number(name)),
      }
    case 'fail_next':
      return { kind, call: fields.oneOf('call', FAULTY_CALLS), ...readSchedule(fields), ...readFailureMode(fields) }
    case 'spoil_next':
      return {
        kind,
        target: fields.oneOf('target', ['push', 'pong']),
        ...fields.optional('connectionId', (name) => fields.text(name)),
        ...readSchedule(fields),
        ...readSpoiling(fields),
      }
    case 'withhold_acks':
    case 'freeze_connections':
    case 'forget_connections':
      return { kind, ...readConnections(fields) }
    case 'revoke_tokens':
      return { kind, appId: fields.text('appId') }
    case 'restart_platform':
      return { kind, downMs: fields.number('downMs') }
    case 'clear_faults':
      return { kind, ...fields.optional('appId', (name) => fields.text(name)) }
    default:
      return assertNever(kind)
  }
}

function readConnections(fields: ControlFields): { readonly appId: string; readonly connectionId?: string } {
  return { appId: fields.text('appId'), ...fields.optional('connectionId', (name) => fields.text(name)) }
}

function readSchedule(fields: ControlFields): Schedule {
  return {
    ...fields.optional('appId', (name) => fields.text(name)),
    ...fields.optional('count', (name) => fields.number(name)),
    ...fields.optional('skip', (name) => fields.number(name)),
    ...fields.optional('probability', (name) => fields.number(name)),
    ...fields.optional('seed', (name) => fields.number(name)),
  }
}

function readSpoiling(fields: ControlFields): Spoiling {
  const how = fields.oneOf('how', SPOILINGS)
  return how === 'late' ? { how, delayMs: fields.number('delayMs') } : { how }
}

function readFailureMode(fields: ControlFields): FailureMode {
  if (fields.has('hang')) return { hang: true }
  if (fields.has('loseAnswer')) return { loseAnswer: true }
  if (fields.has('delayMs')) return { delayMs: fields.number('delayMs') }
  return {
    ...fields.optional('http', (name) => fields.number(name)),
    ...fields.optional('code', (name) => fields.number(name)),
    ...fields.optional('msg', (name) => fields.text(name)),
    ...fields.optional('retryAfterMs', (name) => fields.number(name)),
  }
}
