import { asObject } from '../../core/as-object.ts'
import type { CardActionDetails, InboundCardAction } from '../../protocol/model/inbound-event.ts'
import type { EventBase } from '../../protocol/model/event-base.ts'
import { type BadEvent, bad, type Fields, optionalText, text } from './envelope.ts'

/**
 * Reads the event of a `card.action.trigger` envelope. Older shapes have the ids at the top instead of in `context`.
 */
export function toCardAction(base: EventBase): InboundCardAction | BadEvent {
  const { raw } = base
  const context = asObject(raw['context'])
  const operatorOpenId = text(asObject(raw['operator'])['open_id']) || text(raw['open_id'])
  if (operatorOpenId === '') return bad('event.operator.open_id is missing')
  if (typeof raw['action'] !== 'object' || raw['action'] === null) return bad('event.action is missing')
  return {
    ...base,
    kind: 'card_action',
    operatorOpenId,
    action: toDetails(asObject(raw['action'])),
    updateToken: text(raw['token']),
    ...optionalText('chatId', text(context['open_chat_id']) || raw['open_chat_id']),
    ...optionalText('messageId', text(context['open_message_id']) || raw['open_message_id']),
  }
}

function toDetails(action: Fields): CardActionDetails {
  const { options, checked } = action
  return {
    tag: text(action['tag']),
    name: text(action['name']),
    value: action['value'],
    formValue: asObject(action['form_value']),
    ...optionalText('inputValue', action['input_value']),
    ...optionalText('option', action['option']),
    ...(Array.isArray(options) ? { options: options.map(text) } : {}),
    ...(typeof checked === 'boolean' ? { isChecked: checked } : {}),
  }
}
