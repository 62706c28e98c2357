import { readFrame, writeFrame } from './hand-frame.ts'
import type { Mistake } from './wrong-platform.ts'

/** Spoils the JSON of the events on their way to the client. */
function spoilEvent(change: (envelope: { header: Record<string, unknown>; event: { message?: object } }) => object) {
  return (frame: Buffer): readonly Buffer[] => {
    const { method, service, headers, payload } = readFrame(frame)
    if (method !== 1) return [frame]
    return [writeFrame(service, method, headers, JSON.stringify(change(JSON.parse(payload.toString()))))]
  }
}

function spoilHeaders(change: (headers: Record<string, string>) => Record<string, string>) {
  return (frame: Buffer): readonly Buffer[] => {
    const { method, service, headers, payload } = readFrame(frame)
    return method === 1 ? [writeFrame(service, method, change({ ...headers }), payload.toString())] : [frame]
  }
}

const MESSAGES = '/open-apis/im/v1/messages'

/** Simulators that are wrong in one point, each of which some client would stumble over. */
export const MISTAKES: readonly Mistake[] = [
  {
    name: 'the service id comes first in the URL, where the Node SDK cannot read it',
    caughtBy: 'discovery gives a URL that every SDK can read, and how to reconnect',
    answer(path, { json }) {
      const data = json?.['data'] as { URL: string } | undefined
      if (path.startsWith('/callback') && data) data.URL = data.URL.replace(/\?(.*)&(service_id=\d+)/, '?$2&$1')
    },
  },
  {
    name: 'a refused discovery has no data',
    caughtBy: 'a refused discovery has a code, a text and data',
    answer(path, { json }) {
      if (path.startsWith('/callback')) delete json?.['data']
    },
  },
  {
    name: 'a pong without PingInterval',
    caughtBy: 'a ping is answered with the four numbers, in a frame with all required fields',
    down(frame) {
      const { method, service, headers } = readFrame(frame)
      return method === 0 ? [writeFrame(service, method, headers, '{"ReconnectCount":-1}')] : [frame]
    },
  },
  {
    name: 'frames without LogID',
    caughtBy: 'an event comes in a frame with all required fields and headers',
    // Field 2 of a frame that was written by hand is the two bytes after SeqID 0.
    down(frame) {
      const { method, service, headers, payload } = readFrame(frame)
      const written = writeFrame(service, method, headers, payload.toString())
      return [Buffer.concat([written.subarray(0, 2), written.subarray(4)])]
    },
  },
  {
    name: 'frames without sum and seq',
    caughtBy: 'an event comes in a frame with all required fields and headers',
    down: spoilHeaders(({ type = '', message_id = '', trace_id = '' }) => ({ type, message_id, trace_id })),
  },
  {
    name: 'fragments numbered from 1',
    caughtBy: 'a long event comes in fragments, numbered from 0, that join to its JSON',
    down: spoilHeaders((headers) => ({ ...headers, seq: String(Number(headers['seq']) + 1) })),
  },
  {
    name: 'events before the first ping',
    caughtBy: 'nothing is pushed before the first ping',
    opening: [writeFrame(1, 0, { type: 'ping' })],
  },
  {
    name: 'every acknowledgement counts as a success',
    caughtBy: 'code 200 ends an event, in the words of any SDK; code 500 brings it again under the same id',
    up(frame) {
      const { method, service, headers } = readFrame(frame)
      return method === 1 ? [writeFrame(service, method, headers, '{"code":200}')] : [frame]
    },
  },
  {
    name: 'acknowledgements are not heard',
    caughtBy: 'code 200 ends an event, in the words of any SDK; code 500 brings it again under the same id',
    up: (frame) => (readFrame(frame).method === 1 ? [] : [frame]),
  },
  {
    name: 'the answer of a callback is lost',
    caughtBy: 'a callback shows the user what the acknowledgement brings',
    up(frame) {
      const { method, service, headers } = readFrame(frame)
      return method === 1 ? [writeFrame(service, method, headers, '{"code":200}')] : [frame]
    },
  },
  {
    name: 'messages without a chat type',
    caughtBy: 'the SDK decodes im.message.receive_v1',
    down: spoilEvent((envelope) => {
      const message = { ...envelope.event.message, chat_type: undefined }
      return { ...envelope, event: { ...envelope.event, message } }
    }),
  },
  {
    name: 'an event id in the event instead of the header',
    caughtBy: 'an event comes in a frame with all required fields and headers',
    down: spoilEvent(({ header: { event_id: id, ...header }, event, ...rest }) => ({
      ...rest,
      header,
      event: { ...event, id },
    })),
  },
  {
    name: 'the token inside data',
    caughtBy: 'a token has its fields at the top, and lives two hours',
    answer(path, answer) {
      if (path.includes('tenant_access_token')) answer.json = { code: 0, msg: 'ok', data: answer.json }
    },
  },
  {
    name: 'bot info inside data',
    caughtBy: 'the SDK is answered: bot/v3/info',
    answer(path, answer) {
      if (path.includes('bot/v3/info')) answer.json = { code: 0, msg: 'ok', data: answer.json }
    },
  },
  {
    name: 'a created message without its id',
    caughtBy: 'the SDK is answered: im.v1.message.create',
    answer(path, { json }) {
      const data = json?.['data'] as { message_id?: string } | undefined
      if (path.startsWith(`${MESSAGES}?`)) delete data?.message_id
    },
  },
  {
    name: 'errors with HTTP 200',
    caughtBy: 'an error has its code, HTTP 400 and the log id of its header',
    answer(_path, answer) {
      answer.status = 200
    },
  },
  {
    name: 'a limit without the time to wait',
    caughtBy: 'a limit answers 429 with the seconds to wait',
    answer(_path, { headers }) {
      delete headers['x-ogw-ratelimit-reset']
    },
  },
  {
    name: 'uuids are not looked at',
    caughtBy: 'a uuid that comes again shows nothing new',
    call(path, body) {
      if (path.startsWith(MESSAGES)) delete body['uuid']
    },
  },
]
