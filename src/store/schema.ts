import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgSequence,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { ErrorRecord } from '../core/errors.ts'
import type { BotLimits, BotPolicy, Isolation } from '../protocol/model/bot-settings.ts'
import { DEFAULT_HANDLER } from '../protocol/chat.ts'
import type { Delivery } from '../protocol/model/message.ts'

const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({ dataType: () => 'bytea' })

export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const bots = pgTable('feishu_bots', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  appId: text('app_id').notNull().unique(),
  /** App secret, sealed by `SecretBox`. */
  appSecret: text('app_secret').notNull(),
  /** Encrypt key of webhook mode, sealed too. */
  encryptKey: text('encrypt_key'),
  verificationToken: text('verification_token'),
  /** Owner, who may see and change the bot. See `apiTokens`. */
  owner: text('owner').notNull().default('admin'),
  domain: text('domain').notNull(),
  enabled: boolean('enabled').notNull().default(true),
  useWebSocket: boolean('use_websocket').notNull().default(false),
  isolation: text('isolation').$type<Isolation>().notNull().default('thread'),
  /** Name of a handler from the options of the process. Never a path. */
  handler: text('handler').notNull().default(DEFAULT_HANDLER),
  /** Options that this bot overrides. */
  limits: jsonb('limits').$type<BotLimits>().notNull().default({}),
  policy: jsonb('policy').$type<BotPolicy>().notNull().default({}),
  /** Open id of the bot, read from Feishu. */
  openId: text('open_id'),
  /** Last known connection state, for other readers of the table. No code here decides by it. */
  wsConnectionState: text('ws_connection_state'),
  createdAt: instant('created_at').notNull().defaultNow(),
})

export const instances = pgTable('feishu_instances', {
  id: text('id').primaryKey(),
  expiresAt: instant('expires_at').notNull(),
  /** When the instance began to stop, before it cut anything short. Its end is then no death. Null: it runs. */
  drainingAt: instant('draining_at'),
})

/** Numbers the claims of all lanes. A count per lane would begin again when a pruned lane is created again. */
export const laneEpoch = pgSequence('feishu_lane_epoch')

/**
 * One row per (bot, lane) that has or had an event, until it is pruned. The claim that sets `owner` has the lane to
 * itself.
 *
 * `owner` and `epoch` are the fence of every write of a claim. Each claim takes a new epoch; epochs never go back.
 *
 * - `pending` counts events that are not finished or whose replies are not all sent.
 * - `unsent` counts the replies that are sent before the next event runs.
 * - `readyAt` says when a free lane may be claimed. Null: no work waits.
 * - `resubmitted` counts replies that were put back while the lane had an owner, which does not know them. The
 *   statement that frees the lane adds them to `unsent`. Together they count once in `pending`, and they count no more
 *   once they are part of an `unsent` that counts already.
 */
export const lanes = pgTable(
  'feishu_lanes',
  {
    botId: text('bot_id').notNull(),
    lane: text('lane').notNull(),
    pending: integer('pending').notNull().default(0),
    unsent: integer('unsent').notNull().default(0),
    resubmitted: integer('resubmitted').notNull().default(0),
    readyAt: instant('ready_at'),
    owner: text('owner'),
    /** Epoch of the newest claim, even after its end. 0: never claimed. */
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
    /** Token of the claim that took the lane, so that a claim with a lost answer can be undone. */
    claimToken: uuid('claim_token'),
  },
  (table) => [
    primaryKey({ columns: [table.botId, table.lane] }),
    index('feishu_lanes_waiting')
      .on(table.botId, table.readyAt, table.lane)
      .where(sql`owner is null and ready_at is not null`),
    index('feishu_lanes_owned').on(table.owner, table.botId, table.lane).where(sql`owner is not null`),
  ],
)

/** Received events. No foreign key to the bots: deleting a bot, or keeping bots elsewhere, must not cost an event. */
export const inbox = pgTable(
  'feishu_inbox',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    botId: text('bot_id').notNull(),
    lane: text('lane').notNull(),
    dedupeKey: text('dedupe_key').notNull(),
    eventId: text('event_id').notNull(),
    type: text('type').notNull(),
    /** Text, not jsonb: jsonb reorders keys, rounds big numbers and refuses \u0000. */
    payload: text('payload').notNull(),
    /** When the event happened, by Feishu's clock. `receivedAt` is by the database's clock. */
    createdAt: instant('created_at').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
    /** When the event reached a bot worker or the webhook. Null in older rows. */
    arrivedAt: instant('arrived_at'),
    /** When the event was acknowledged. Null until the event is handled, or when it is not known. */
    ackedAt: instant('acked_at'),
    state: text('state').$type<'available' | 'executing' | 'completed' | 'dead'>().notNull().default('available'),
    /** Number of the attempt. It only counts: a claim that is given back uncounted repeats its number. */
    attempt: integer('attempt').notNull().default(0),
    /** How many deaths of an instance the event was claimed through. A death counts no attempt. */
    deaths: smallint('deaths').notNull().default(0),
    /** Instance whose death was counted last. The count is taken back when that instance turns out to live. */
    lastDeathOf: text('last_death_of'),
    owner: text('owner'),
    /** Epoch of the newest claim. With `owner` it identifies the claim that ended the event. */
    epoch: bigint('epoch', { mode: 'number' }),
    availableAt: instant('available_at').notNull().defaultNow(),
    claimedAt: instant('claimed_at'),
    finishedAt: instant('finished_at'),
    /** Why the event is dead, or completed without a run: `recalled`, or a reason of the bot's policy. */
    reason: text('reason'),
    lastError: jsonb('last_error').$type<ErrorRecord>(),
    /** When an operator put the event back. From then on it counts as new. */
    resubmittedAt: instant('resubmitted_at'),
  },
  (table) => [
    uniqueIndex('feishu_inbox_dedupe').on(table.botId, table.dedupeKey),
    index('feishu_inbox_open').on(table.botId, table.lane, table.id).where(sql`state in ('available', 'executing')`),
    index('feishu_inbox_dead').on(table.id).where(sql`state = 'dead'`),
    index('feishu_inbox_completed').on(table.finishedAt).where(sql`state = 'completed'`),
    index('feishu_inbox_last_death').on(table.lastDeathOf).where(sql`last_death_of is not null`),
    index('feishu_inbox_chat').on(table.botId, table.lane, table.id).where(sql`type = 'im.message.receive_v1'`),
    check('feishu_inbox_state', sql`state in ('available', 'executing', 'completed', 'dead')`),
  ],
)

/** Replies. Rows are inserted only by the statement that completes their event. */
export const outbox = pgTable(
  'feishu_outbox',
  {
    inboxId: bigint('inbox_id', { mode: 'number' }).notNull(),
    part: integer('part').notNull(),
    botId: text('bot_id').notNull(),
    lane: text('lane').notNull(),
    /** Feishu's id of the message that the reply answers, if any. `sentMessageId` is the id of the reply itself. */
    messageId: text('message_id'),
    /** Type of the receiver when the reply answers no message. Null in older rows, which all answer a message. */
    receiverType: text('receiver_type').$type<'chat_id' | 'open_id'>(),
    receiverId: text('receiver_id'),
    uuid: text('uuid').notNull(),
    msgType: text('msg_type').notNull(),
    content: text('content').notNull(),
    /** How to deliver the reply. Null when `content` is enough. */
    delivery: jsonb('delivery').$type<Delivery>(),
    state: text('state').$type<'pending' | 'sent' | 'dead'>().notNull().default('pending'),
    attempt: integer('attempt').notNull().default(1),
    /** Epoch of the newest claim. Null after an operator put the reply back, until the next claim. */
    epoch: bigint('epoch', { mode: 'number' }),
    /** Number of attempts that are known not to be carried out. The outcome of the other attempts is unknown. */
    refusedCount: integer('refused_count').notNull().default(0),
    createdAt: instant('created_at').notNull().defaultNow(),
    sentMessageId: text('sent_message_id'),
    sentAt: instant('sent_at'),
    diedAt: instant('died_at'),
    reason: text('reason'),
    lastError: jsonb('last_error').$type<ErrorRecord>(),
    logId: text('log_id'),
  },
  (table) => [
    primaryKey({ columns: [table.inboxId, table.part] }),
    index('feishu_outbox_pending').on(table.botId, table.lane, table.inboxId, table.part).where(sql`state = 'pending'`),
    index('feishu_outbox_dead').on(table.inboxId, table.part).where(sql`state = 'dead'`),
    check('feishu_outbox_state', sql`state in ('pending', 'sent', 'dead')`),
  ],
)

/** Bytes of uploads, in chunks, until their replies are sent. The id is made from the bytes, so two writers agree. */
export const uploads = pgTable(
  'feishu_uploads',
  {
    inboxId: bigint('inbox_id', { mode: 'number' }).notNull(),
    id: text('id').notNull(),
    chunk: integer('chunk').notNull(),
    bytes: bytea('bytes').notNull(),
  },
  (table) => [primaryKey({ columns: [table.inboxId, table.id, table.chunk] })],
)

/** Progress of streamed answers. Known values stay and numbers only grow, so a repeated write does no harm. */
export const streams = pgTable(
  'feishu_streams',
  {
    inboxId: bigint('inbox_id', { mode: 'number' }).notNull(),
    stream: integer('stream').notNull(),
    /** What Feishu refused. 0: nothing. 1: streamed cards. 2: edits too. */
    fallback: integer('fallback').notNull().default(0),
    cardId: text('card_id'),
    /** When the message that shows the answer was first sent, even if the outcome is unknown. */
    sendingAt: instant('sending_at'),
    /** Id of that message, once it is known. */
    messageId: text('message_id'),
    /** Largest sequence that an operation on the card may have used so far. */
    sequence: integer('sequence').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.inboxId, table.stream] })],
)

/** One row: a text sealed with the master key. A wrong key is noticed even when there is no bot yet. */
export const keyCheck = pgTable('feishu_key_check', {
  id: integer('id').primaryKey(),
  sealed: text('sealed').notNull(),
})
