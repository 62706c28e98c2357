import {
  EventDispatcher,
  type EventHandles,
  LoggerLevel,
  type RawCardActionEvent,
  WSClient,
} from '@larksuiteoapi/node-sdk'
import { expect } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import { closeLater, SOON_MS } from '../support/simulator.ts'
import { type Check, expectAll, type World } from './check.ts'

interface Emitted
  extends Pick<
    Required<EventHandles>,
    | 'im.message.receive_v1'
    | 'im.message.message_read_v1'
    | 'im.message.recalled_v1'
    | 'im.message.reaction.created_v1'
    | 'im.message.reaction.deleted_v1'
    | 'im.chat.member.bot.added_v1'
    | 'im.chat.member.bot.deleted_v1'
    | 'im.chat.access_event.bot_p2p_chat_entered_v1'
    | 'application.bot.menu_v6'
    | 'p2p_chat_create'
  > {
  'card.action.trigger': (event: RawCardActionEvent) => unknown
}

type EventOf<K extends keyof Emitted> = Parameters<Emitted[K]>[0]

interface EventCase<K extends keyof Emitted> {
  /** What a user does; what it returns is waited for. */
  act(world: World): unknown
  /** Every field that the SDK's types name and the platform documents. */
  read(event: EventOf<K>): readonly unknown[]
}

type Ids = { union_id?: string; user_id?: string; open_id?: string } | undefined
const ids = (of: Ids) => [of?.union_id, of?.user_id, of?.open_id]

const tom = ({ simulator, app }: World) => simulator.user('tom').chatWith(app)
const room = ({ simulator, app }: World) => simulator.user('tom').groupWith(app, 'Room')

const botMessage = async (world: World) => {
  const sent = tom(world).say('hi')
  const data = { msg_type: 'text', content: '{"text":"hello"}' }
  await world.client.im.v1.message.reply({ path: { message_id: sent.messageId }, data })
  return sent.reply()
}

type ReactionEvent = EventOf<'im.message.reaction.created_v1' | 'im.message.reaction.deleted_v1'>
const readReaction = ({ message_id, reaction_type, operator_type, user_id, action_time }: ReactionEvent) => [
  message_id,
  reaction_type?.emoji_type,
  operator_type,
  ...ids(user_id),
  action_time,
]

type MembershipEvent = EventOf<'im.chat.member.bot.added_v1' | 'im.chat.member.bot.deleted_v1'>
const readMembership = (event: MembershipEvent) => [
  event.chat_id,
  ...ids(event.operator_id),
  event.external,
  event.operator_tenant_key,
  event.name,
  event.i18n_names?.zh_cn,
  event.i18n_names?.en_us,
  event.i18n_names?.ja_jp,
]

const EVENTS: { readonly [K in keyof Emitted]: EventCase<K> } = {
  'im.message.receive_v1': {
    act: async (world) => {
      const reply = await botMessage(world)
      room(world).say('and you?', { at: [world.app], replyTo: reply })
    },
    read: ({ sender, message, event_id, event_type, create_time, tenant_key, app_id }) => {
      const [mention] = message.mentions ?? []
      return [
        event_id,
        event_type,
        create_time,
        tenant_key,
        app_id,
        ...ids(sender.sender_id),
        sender.sender_type,
        sender.tenant_key,
        message.message_id,
        message.root_id,
        message.parent_id,
        message.create_time,
        message.update_time,
        message.chat_id,
        message.chat_type,
        message.message_type,
        JSON.parse(message.content).text,
        mention?.key,
        ...ids(mention?.id),
        mention?.mentioned_type,
        mention?.name,
        mention?.tenant_key,
      ]
    },
  },
  'im.message.message_read_v1': {
    act: async (world) => (await botMessage(world)).read(),
    read: ({ reader, message_id_list }) => [
      ...ids(reader?.reader_id),
      reader?.read_time,
      reader?.tenant_key,
      message_id_list?.[0],
    ],
  },
  'im.message.recalled_v1': {
    act: (world) => tom(world).say('oops').recall(),
    read: ({ message_id, chat_id, recall_time, recall_type }) => [message_id, chat_id, recall_time, recall_type],
  },
  'im.message.reaction.created_v1': {
    act: (world) => tom(world).say('hi').react('OK'),
    read: readReaction,
  },
  'im.message.reaction.deleted_v1': {
    act: (world) => tom(world).say('hi').unreact('OK'),
    read: readReaction,
  },
  'im.chat.member.bot.added_v1': {
    act: (world) => room(world).addBot(),
    read: readMembership,
  },
  'im.chat.member.bot.deleted_v1': {
    act: (world) => room(world).removeBot(),
    read: readMembership,
  },
  'im.chat.access_event.bot_p2p_chat_entered_v1': {
    act: async (world) => {
      await botMessage(world)
      tom(world).enter()
    },
    read: ({ chat_id, operator_id, last_message_id, last_message_create_time }) => [
      chat_id,
      ...ids(operator_id),
      last_message_id,
      last_message_create_time,
    ],
  },
  'application.bot.menu_v6': {
    act: (world) => tom(world).clickMenu('help'),
    read: ({ operator, event_key, timestamp }) => [
      operator?.operator_name,
      ...ids(operator?.operator_id),
      event_key,
      timestamp,
    ],
  },
  p2p_chat_create: {
    act: ({ simulator, app }) => {
      const { open_id, user_id } = simulator.user('tom').idsFor(app)
      const event = { chat_id: 'oc_1', operator: { open_id, user_id }, user: { name: 'Tom', open_id, user_id } }
      return simulator.sendEvent({ appId: app.appId, type: 'p2p_chat_create', event, schema: '1.0' })
    },
    read: ({ ts, uuid, token, type, app_id, chat_id, operator, tenant_key, user }) => [
      ts,
      uuid,
      token,
      type,
      app_id,
      chat_id,
      operator.open_id,
      operator.user_id,
      tenant_key,
      user.name,
      user.open_id,
      user.user_id,
    ],
  },
  'card.action.trigger': {
    act: async (world) => {
      const reply = await botMessage(world)
      expect(await reply.click({ act: 'go' }, { name: 'go' })).toMatchObject({ kind: 'answered', code: 200 })
    },
    read: ({ context, token, operator, action }) => [
      context?.open_message_id,
      context?.open_chat_id,
      token,
      operator?.open_id,
      operator?.user_id,
      operator?.union_id,
      action?.value,
      action?.tag,
      action?.name,
      action?.timezone,
    ],
  },
}

const silent = (): void => {}
const quiet = {
  logger: { error: silent, warn: silent, info: silent, debug: silent, trace: silent },
  loggerLevel: LoggerLevel.error,
}

/** The official SDK hands every type to its handler, with every field its types name. */
export const EVENT_CHECKS: readonly Check[] = Object.entries(EVENTS).map(([type, { act, read }]) => ({
  name: `the SDK decodes ${type}`,
  async run(world: World) {
    const received: unknown[] = []
    const handle = (event: unknown): void => void received.push(event)
    const others = Object.fromEntries(Object.keys(EVENTS).map((other) => [other, () => {}]))
    const dispatcher = new EventDispatcher(quiet).register({ ...others, [type]: handle })
    const { appId, appSecret } = world.app
    const ws = new WSClient({ appId, appSecret, domain: world.url, ...quiet, handshakeTimeoutMs: 2000 })
    closeLater(() => ws.close({ force: true }))
    void ws.start({ eventDispatcher: dispatcher })
    await world.simulator.once(entryOf('connection_ready'), SOON_MS)
    await act(world)
    const { seq } = world.simulator.history.entries.findLast(({ kind }) => kind === 'pushed') ?? { seq: 0 }
    await world.simulator.once(
      (entry) => (entry.kind === 'acked' || entry.kind === 'callback_answered') && entry.seq > seq,
      SOON_MS,
    )
    const event = received.at(-1)
    if (event === undefined) throw new Error('the handler was not called')
    expectAll((read as (event: unknown) => readonly unknown[])(event))
  },
}))
