import { assertNever } from '../../../src/core/assert-never.ts'
import type { CardCall, CardOutcome } from '../../../src/protocol/data.ts'
import type { ApiCalls, Call } from '../api/api-calls.ts'
import { feishuCodeOf, doneOf } from '../api/send-answer.ts'

const CARDS = '/open-apis/cardkit/v1/cards'

/** Codes for a missing permission of the app, for every message. [D] */
const APP_MAY_NOT: readonly unknown[] = [99991401, 99991662, 99991672, 99991673, 99991679]

/** Changes cards and shown messages. Each call sets a state, so it may be repeated. */
export class CardCalls {
  readonly #calls: ApiCalls

  constructor(calls: ApiCalls) {
    this.#calls = calls
  }

  /** Never rejects. */
  async call(call: CardCall): Promise<CardOutcome> {
    const called = await this.#calls.call(toCall(call))
    if (call.kind === 'may_edit' && called.kind === 'answered') {
      const code = feishuCodeOf(called.answer)
      if (code !== undefined && code > 0 && !APP_MAY_NOT.includes(code)) return { kind: 'done' }
    }
    return called.kind === 'failed' ? called : doneOf(called.answer)
  }
}

function toCall(call: CardCall): Call {
  switch (call.kind) {
    case 'create':
      return { url: CARDS, data: { type: 'card_json', data: call.card } }
    case 'write': {
      const { cardId, elementId, text, ...change } = call
      const url = `${CARDS}/${cardId}/elements/${elementId}/content`
      return { method: 'PUT', url, data: { content: text, ...guarded(cardId, change) } }
    }
    case 'replace': {
      const { cardId, card } = call
      const data = { card: { type: 'card_json', data: card }, ...guarded(cardId, call) }
      return { method: 'PUT', url: `${CARDS}/${cardId}`, data }
    }
    case 'close': {
      const { cardId } = call
      const settings = JSON.stringify({ config: { streaming_mode: false } })
      return { method: 'PATCH', url: `${CARDS}/${cardId}/settings`, data: { settings, ...guarded(cardId, call) } }
    }
    case 'edit':
      return { method: 'PATCH', url: messageUrl(call.messageId), data: { content: call.content } }
    case 'may_edit':
      return { method: 'PATCH', url: messageUrl(call.messageId), data: { content: '{"schema":"2.0"}' } }
    default:
      return assertNever(call)
  }
}

/** Fields that guard a change: a repetition with the same uuid changes nothing. */
function guarded(cardId: string, { sequence }: { readonly sequence: number }): object {
  return { sequence, uuid: `c_${cardId}_${sequence}` }
}

function messageUrl(messageId: string): string {
  return `/open-apis/im/v1/messages/${encodeURIComponent(messageId)}`
}
