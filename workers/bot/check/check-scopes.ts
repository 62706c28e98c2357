import { asObject } from '../../../src/core/as-object.ts'
import { errorText } from '../../../src/core/errors.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { HttpAnswer } from '../http/http.ts'
import { describeAnswer } from '../api/send-answer.ts'

/** Permissions that a bot needs. Each is given by one of several scopes. */
const NEEDS = [
  { what: 'sending', anyOf: ['im:message:send_as_bot', 'im:message', 'im:message:send'] },
  { what: 'messages in p2p chats', anyOf: ['im:message.p2p_msg:readonly', 'im:message.p2p_msg'] },
  {
    what: 'messages in groups',
    anyOf: ['im:message.group_at_msg:readonly', 'im:message.group_at_msg', 'im:message.group_msg'],
  },
] as const

/** Value of `grant_status` for a granted scope in `GET /open-apis/application/v6/scopes`. */
const GRANTED = 1

const CONSOLE = 'under Permissions & Scopes in the developer console; then publish a version of the app'

export async function checkScopes(call: (path: string) => Promise<HttpAnswer>): Promise<Finding> {
  let answer: HttpAnswer
  try {
    answer = await call('/open-apis/application/v6/scopes')
  } catch (thrown) {
    return unknown(errorText(thrown))
  }
  const { code, data } = asObject(answer.body)
  const { scopes } = asObject(data)
  if (code !== 0 || !Array.isArray(scopes)) return unknown(describeAnswer(answer))
  const granted = new Set(
    scopes.map(asObject).flatMap(({ scope_name: name, grant_status: status }) => (status === GRANTED ? [name] : [])),
  )
  const missing = NEEDS.filter(({ anyOf }) => !anyOf.some((scope) => granted.has(scope)))
  if (missing.length === 0) return { check: 'scopes', level: 'ok', message: 'the app may receive and send messages' }
  const isUseless = missing.some(({ what }) => what === 'sending') || missing.length > 1
  return {
    check: 'scopes',
    level: isUseless ? 'error' : 'warning',
    message: `the app has no scope for ${missing.map(({ what }) => what).join(' and ')}`,
    mend: `add ${missing.map(({ anyOf }) => anyOf[0]).join(' and ')} ${CONSOLE}`,
  }
}

function unknown(why: string): Finding {
  return { check: 'scopes', level: 'warning', message: `the scopes cannot be read: ${why}`, mend: `check ${CONSOLE}` }
}
