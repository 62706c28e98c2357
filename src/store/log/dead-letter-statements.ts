import type { Statement } from '../database/database.ts'
import type { ErrorRecord } from '../../core/errors.ts'
import type { DeadLetter } from '../../protocol/model/message.ts'

// The rules of claim-statements.ts hold here too.

/** Selects all dead letters: dead events and dead replies. */
export const DEAD = `
dead as (
  select 'event' as kind, id, null::int as part, bot_id, lane, type, dedupe_key, payload, attempt, reason,
    last_error as error, null as log_id, extract(epoch from finished_at)::float8 * 1000 as ended_at
  from feishu_inbox where state = 'dead'
  union all
  select 'reply', o.inbox_id, o.part, o.bot_id, o.lane, i.type, i.dedupe_key, o.content, o.attempt, o.reason,
    o.last_error, o.log_id, extract(epoch from coalesce(o.died_at, i.finished_at))::float8 * 1000
  from feishu_outbox o join feishu_inbox i on i.id = o.inbox_id where o.state = 'dead'
)`

/**
 * $1 limit, $2 offset, $3 upper bound of `ended_at` in ms since the epoch, or null. Dead letters of the same instant
 * stay together.
 */
export const DEAD_LETTERS: Statement = {
  name: 'feishu_dead_letters',
  text: `
with ${DEAD}, page as (
  select * from dead where $3::float8 is null or ended_at < $3
  order by ended_at desc offset ($2::int) rows fetch first ($1::int) rows with ties
)
select * from page order by ended_at desc, id desc, part`,
}

/**
 * $1 event id. The event keeps its id, so it is the oldest of its lane and runs next there. Returns the number put
 * back.
 */
export const RESUBMIT_EVENT: Statement = {
  name: 'feishu_resubmit_event',
  text: `
with located as materialized (
  select id, bot_id, lane, 'dead' as state from feishu_inbox where id = $1::bigint
), locked as materialized (
  select l.lane from located x join feishu_lanes l on l.bot_id = x.bot_id and l.lane = x.lane for update of l
), back as (
  update feishu_inbox e set state = 'available', attempt = 0, deaths = 0, last_death_of = null, owner = null,
    available_at = now(), finished_at = null, reason = null, resubmitted_at = now()
  from located x where e.id = x.id and e.state = x.state and (select count(*) from locked) >= 0
  returning e.bot_id, e.lane
), woken as (
  insert into feishu_lanes (bot_id, lane, pending, ready_at) select bot_id, lane, 1, now() from back
  on conflict (bot_id, lane) do update set
    pending = feishu_lanes.pending + 1,
    ready_at = case
      when feishu_lanes.owner is not null or feishu_lanes.unsent > 0 then feishu_lanes.ready_at
      else least(feishu_lanes.ready_at, now()) end
)
select count(*)::int as put_back from back`,
}

/**
 * $1 event id, $2 part, $3 new uuid. Returns the number put back. With a new uuid a streamed answer becomes a new
 * message.
 *
 * A lane with an owner counts the reply in `resubmitted` until the owner frees the lane. If other replies of the lane
 * wait, the reply waits with them: order is by event and part.
 */
export const RESUBMIT_REPLY: Statement = {
  name: 'feishu_resubmit_reply',
  text: `
with located as materialized (
  select inbox_id, part, bot_id, lane, 'dead' as state from feishu_outbox where inbox_id = $1::bigint and part = $2::int
), locked as materialized (
  select l.lane from located x join feishu_lanes l on l.bot_id = x.bot_id and l.lane = x.lane for update of l
), back as (
  update feishu_outbox o set state = 'pending', attempt = 0, epoch = null, refused_count = 0, created_at = now(), died_at = null,
    reason = null, uuid = case when o.reason = 'outcome_unknown' then $3 else o.uuid end,
    delivery = case when o.reason = 'outcome_unknown' then o.delivery - 'stream' else o.delivery end
  from located x
  where o.inbox_id = x.inbox_id and o.part = x.part and o.state = x.state and (select count(*) from locked) >= 0
  returning o.bot_id, o.lane
), woken as (
  insert into feishu_lanes (bot_id, lane, pending, unsent, ready_at) select bot_id, lane, 1, 1, now() from back
  on conflict (bot_id, lane) do update set
    unsent = feishu_lanes.unsent + case when feishu_lanes.owner is null then 1 else 0 end,
    resubmitted = feishu_lanes.resubmitted + case when feishu_lanes.owner is null then 0 else 1 end,
    pending = feishu_lanes.pending + case
      when feishu_lanes.owner is null and feishu_lanes.unsent > 0 then 0
      when feishu_lanes.resubmitted > 0 then 0
      else 1 end,
    ready_at = case
      when feishu_lanes.owner is not null or feishu_lanes.unsent > 0 then feishu_lanes.ready_at
      else least(feishu_lanes.ready_at, now()) end
)
select count(*)::int as put_back from back`,
}

export interface DeadLetterRow {
  readonly kind: 'event' | 'reply'
  readonly id: number
  readonly part: number | null
  readonly bot_id: string
  readonly lane: string
  readonly type: string
  readonly dedupe_key: string
  readonly payload: string
  readonly attempt: number
  readonly reason: string | null
  readonly error: ErrorRecord | null
  readonly log_id: string | null
  readonly ended_at: number
}

export function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    kind: row.kind,
    eventId: row.id,
    ...(row.part === null ? {} : { part: row.part }),
    botId: row.bot_id,
    lane: row.lane,
    type: row.type,
    dedupeKey: row.dedupe_key,
    payload: row.payload,
    attempt: row.attempt,
    reason: row.reason ?? '',
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.log_id === null ? {} : { logId: row.log_id }),
    endedAt: row.ended_at,
  }
}
