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

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const bots = pgTable('feishu_bots', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  appId: text('app_id').notNull().unique(),
  /** Sealed; see secrets.ts. */
  appSecret: text('app_secret').notNull(),
  /** Of webhook mode; sealed too. */
  encryptKey: text('encrypt_key'),
  verificationToken: text('verification_token'),
  /** Who may see and change it; see api tokens. */
  owner: text('owner').notNull().default('admin'),
  domain: text('domain').notNull(),
  enabled: boolean('enabled').notNull().default(true),
  useWebSocket: boolean('use_websocket').notNull().default(false),
  isolation: text('isolation').$type<Isolation>().notNull().default('thread'),
  /** A name that the options of the process give a meaning; never a path. */
  handler: text('handler').notNull().default(DEFAULT_HANDLER),
  /** What of the options is different for this bot. */
  limits: jsonb('limits').$type<BotLimits>().notNull().default({}),
  policy: jsonb('policy').$type<BotPolicy>().notNull().default({}),
  /** Its own, learnt from Feishu. */
  openId: text('open_id'),
  /** The last known state, for other readers of the table; nothing here decides by it. */
  wsConnectionState: text('ws_connection_state'),
  createdAt: instant('created_at').notNull().defaultNow(),
})

export const instances = pgTable('feishu_instances', {
  id: text('id').primaryKey(),
  expiresAt: instant('expires_at').notNull(),
})

/** Numbers the claims of all lanes. A count per lane would begin again when a pruned lane is made anew. */
export const laneEpoch = pgSequence('feishu_lane_epoch')

/**
 * One row per (bot, lane) that ever had an event. Whoever sets `owner` has the lane to itself.
 *
 * `owner` and `epoch` are the fence of every write of a claim: each claim takes a new epoch, which never goes back.
 *
 * `pending` counts events that are not finished or whose replies are not all out, `unsent` the replies
 * that go out before the next event is run; `readyAt` says when a free lane may be claimed, null: nothing
 * waits. `resubmitted` counts replies that were put back while the lane had an owner, who knows nothing of
 * them: whoever frees the lane adds them to `unsent`. Together they count once in `pending`, and no more
 * once they are part of an `unsent` that counts already.
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
    /** Of the newest claim, even after its end; 0: never claimed. */
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
    /** Names the claim that took the lane, so that one whose answer got lost can be undone. */
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

/** No foreign key to the bots: deleting a bot, or bots kept elsewhere, must not cost an event. */
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
    /** When Feishu says it happened; `receivedAt` is ours. */
    createdAt: instant('created_at').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
    /** When it reached a bot worker or the webhook; null in older rows. */
    arrivedAt: instant('arrived_at'),
    /** When its acknowledgement was let go; null until it is handled, or if that is not known. */
    ackedAt: instant('acked_at'),
    state: text('state').$type<'available' | 'executing' | 'completed' | 'dead'>().notNull().default('available'),
    /** Only counts; a claim that is given back uncounted repeats it. */
    attempt: integer('attempt').notNull().default(0),
    owner: text('owner'),
    /** Of the newest claim; with `owner` it says which claim ended it. */
    epoch: bigint('epoch', { mode: 'number' }),
    availableAt: instant('available_at').notNull().defaultNow(),
    claimedAt: instant('claimed_at'),
    finishedAt: instant('finished_at'),
    /** Why it is dead, or completed without a run: `recalled`, or what the bot's policy says. */
    reason: text('reason'),
    lastError: jsonb('last_error').$type<ErrorRecord>(),
    /** An operator put it back: from then on it counts as new. */
    resubmittedAt: instant('resubmitted_at'),
  },
  (table) => [
    uniqueIndex('feishu_inbox_dedupe').on(table.botId, table.dedupeKey),
    index('feishu_inbox_open').on(table.botId, table.lane, table.id).where(sql`state in ('available', 'executing')`),
    index('feishu_inbox_dead').on(table.id).where(sql`state = 'dead'`),
    index('feishu_inbox_completed').on(table.finishedAt).where(sql`state = 'completed'`),
    index('feishu_inbox_chat').on(table.botId, table.lane, table.id).where(sql`type = 'im.message.receive_v1'`),
    check('feishu_inbox_state', sql`state in ('available', 'executing', 'completed', 'dead')`),
  ],
)

/** Rows appear only in the statement that completes their event. */
export const outbox = pgTable(
  'feishu_outbox',
  {
    inboxId: bigint('inbox_id', { mode: 'number' }).notNull(),
    part: integer('part').notNull(),
    botId: text('bot_id').notNull(),
    lane: text('lane').notNull(),
    /** The Feishu message it answers, if any; `sentMessageId` is the reply's own. */
    messageId: text('message_id'),
    /** Where it goes on its own; null in rows from before there was a choice, which answer a message. */
    receiverType: text('receiver_type').$type<'chat_id' | 'open_id'>(),
    receiverId: text('receiver_id'),
    uuid: text('uuid').notNull(),
    msgType: text('msg_type').notNull(),
    content: text('content').notNull(),
    /** Null where content is all there is to it. */
    delivery: jsonb('delivery').$type<Delivery>(),
    state: text('state').$type<'pending' | 'sent' | 'dead'>().notNull().default('pending'),
    attempt: integer('attempt').notNull().default(1),
    /** Of the newest claim; null until the next one where an operator put it back. */
    epoch: bigint('epoch', { mode: 'number' }),
    /** Attempts of which Feishu said that they were not carried out; the outcome of the others is unknown. */
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

/** Bytes that replies of an event show, in chunks, until they are sent. Their id is made from them, so two writers agree. */
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

/**
 * How far each streamed answer is. Every column only ever moves on (what is known stays, numbers grow), so a repeated
 * write does no harm.
 */
export const streams = pgTable(
  'feishu_streams',
  {
    inboxId: bigint('inbox_id', { mode: 'number' }).notNull(),
    stream: integer('stream').notNull(),
    /** What Feishu did not let us do: 0 nothing, 1 streamed cards, 2 edits either. */
    fallback: integer('fallback').notNull().default(0),
    cardId: text('card_id'),
    /** When the message that shows it was sent first, whatever became of that; `messageId` once it is known. */
    sendingAt: instant('sending_at'),
    messageId: text('message_id'),
    /** Every operation on the card so far had at most this one. */
    sequence: integer('sequence').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.inboxId, table.stream] })],
)

/** Of a token only the SHA-256 of its secret is kept. */
export const apiTokens = pgTable(
  'feishu_api_tokens',
  {
    id: text('id').primaryKey(),
    owner: text('owner').notNull(),
    role: text('role').$type<'admin' | 'user'>().notNull(),
    /** Separated by spaces. */
    scopes: text('scopes').notNull(),
    name: text('name').notNull(),
    secretHash: text('secret_hash').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
  },
  () => [check('feishu_api_tokens_role', sql`role in ('admin', 'user')`)],
)

export const audit = pgTable('feishu_audit', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  at: instant('at').notNull().defaultNow(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subject: text('subject').notNull(),
  /** Names of the fields that were given, separated by spaces. */
  fields: text('fields').notNull(),
  error: text('error'),
})

/** One row: a text sealed with the master key, so that a wrong key is noticed also where there is no bot yet. */
export const keyCheck = pgTable('feishu_key_check', {
  id: integer('id').primaryKey(),
  sealed: text('sealed').notNull(),
})
