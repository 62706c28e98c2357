import type { Statement } from '../database/database.ts'

/**
 * The statements of the inbox. Each operation is one statement, so it is atomic and costs one round trip.
 *
 * At READ COMMITTED a statement works on the snapshot of its start, but it changes the newest version of a row and
 * checks its WHERE again on that version. Two rules keep the statements safe:
 * - Every condition that matters is in the WHERE of the UPDATE or FOR UPDATE itself, and counters are changed by
 *   arithmetic on the row. So a stale snapshot can make a statement do less work, never the same work twice.
 * - A lane is locked before its inbox and outbox rows, and several lanes in order of their key. So no two statements
 *   wait for each other.
 *
 * Plans are made once, perhaps on empty tables. Each plan must go from the few rows at hand to the big tables, never
 * the other way. So a state is often compared with a column of a materialized part instead of a literal: a literal
 * would offer the planner a partial index that it believes to be empty.
 */

/** Milliseconds since an event arrived. Null after an operator put the event back. */
export const ARRIVED_MS =
  'case when i.resubmitted_at is null then extract(epoch from now() - coalesce(i.arrived_at, i.received_at))::float8 * 1000 end'

/**
 * Epoch of a claim. It is drawn while the lane is locked, so that the epochs of a lane have the order of its claims.
 */
export const NEXT_EPOCH = "nextval('feishu_lane_epoch')"

/**
 * $1 owner, $2 limit, $3 bots and $4 the most lanes of each, $5 the most lanes of any other bot, $6 claim token.
 *
 * The claim is fair to bots: it takes the oldest lane of each bot, then the second oldest, and so on. A bot with
 * thousands of waiting lanes costs `limit` index entries, not thousands.
 *
 * The snapshot may be stale: another instance may have claimed a lane since, and may also have finished its event and
 * freed the lane. FOR UPDATE then checks owner and ready_at again on the newest version and leaves the lane out. The
 * UPDATE of an event takes it only if its newest version is available and due. A lane that was locked without taking
 * work becomes due again a moment later.
 */
export const CLAIM: Statement = {
  name: 'feishu_claim',
  text: `
with recursive bots(bot_id) as (
  (select bot_id from feishu_lanes where owner is null and ready_at is not null order by bot_id limit 1)
  union all
  select (
    select l.bot_id from feishu_lanes l
    where l.owner is null and l.ready_at is not null and l.bot_id > b.bot_id order by l.bot_id limit 1
  ) from bots b where b.bot_id is not null
), waiting as materialized (
  select bot_id, room from (
    select b.bot_id, coalesce(r.room, $5::int) as room
    from bots b left join unnest($3::text[], $4::int[]) as r(bot_id, room) on r.bot_id = b.bot_id
    where b.bot_id is not null
  ) x where room > 0
), candidates as materialized (
  select b.bot_id, c.lane, c.ready_at, c.turn, null::text as owner
  from waiting b cross join lateral (
    select l.lane, l.ready_at, row_number() over (order by l.ready_at rows unbounded preceding) as turn
    from feishu_lanes l
    where l.bot_id = b.bot_id and l.owner is null and l.ready_at <= now() order by l.ready_at limit least($2::int, b.room)
  ) c
), locked as materialized (
  select l.bot_id, l.lane, l.unsent, l.pending, c.turn, c.ready_at
  from candidates c
  join feishu_lanes l on l.bot_id = c.bot_id and l.lane = c.lane
  where l.ready_at = c.ready_at and l.owner is not distinct from c.owner
  order by c.turn, c.ready_at limit $2::int
  for update of l skip locked
), picked as materialized (
  select *, ${NEXT_EPOCH} as epoch from locked
), replies as (
  update feishu_outbox o set attempt = o.attempt + 1, epoch = p.epoch
  from picked p cross join lateral (
    select x.inbox_id, x.part, x.state from feishu_outbox x
    where x.bot_id = p.bot_id and x.lane = p.lane and x.state = 'pending' offset 0
  ) unsent
  where p.unsent > 0 and o.inbox_id = unsent.inbox_id and o.part = unsent.part and o.state = unsent.state
  returning o.bot_id, o.lane, o.inbox_id, o.part, o.message_id, o.receiver_type, o.receiver_id, o.uuid, o.msg_type, o.content,
    o.delivery, o.attempt, o.refused_count, o.created_at
), heads as materialized (
  select p.bot_id, p.lane, p.epoch, h.id, h.state, h.available_at, h.was_claimed
  from picked p cross join lateral (
    select i.id, i.state, i.available_at, i.claimed_at is not null as was_claimed from feishu_inbox i
    where i.bot_id = p.bot_id and i.lane = p.lane and i.state in ('available', 'executing') order by i.id limit 1
  ) h
  where p.unsent = 0 and h.state = 'available'
), events as (
  update feishu_inbox i set state = 'executing', attempt = i.attempt + 1, owner = $1, epoch = h.epoch, claimed_at = now()
  from heads h where i.id = h.id and i.state = h.state and i.available_at <= now()
  returning i.bot_id, i.lane, i.id, i.attempt, i.deaths, h.was_claimed, i.type, i.dedupe_key, i.payload, i.received_at,
    ${ARRIVED_MS} as arrived_ms, coalesce(i.resubmitted_at, i.created_at) as fresh_at
), taken as (
  select bot_id, lane from events union select bot_id, lane from replies
), moved as (
  update feishu_lanes l set
    owner = case when t.bot_id is null then null else $1 end,
    claim_token = case when t.bot_id is null then null else $6::uuid end,
    epoch = case when t.bot_id is null then l.epoch else p.epoch end,
    ready_at = case
      when t.bot_id is not null then l.ready_at
      when h.available_at > now() then h.available_at
      else now() + interval '50 ms' end
  from picked p
  left join taken t on t.bot_id = p.bot_id and t.lane = p.lane
  left join heads h on h.bot_id = p.bot_id and h.lane = p.lane
  where l.bot_id = p.bot_id and l.lane = p.lane
  returning l.owner, l.ready_at
), due as (
  select min(at) as at from (
    select ready_at as at from moved where owner is null
    union all
    select (
      select l.ready_at from feishu_lanes l
      where l.bot_id = b.bot_id and l.owner is null and l.ready_at is not null
        and not exists (select from picked p where p.bot_id = l.bot_id and p.lane = l.lane)
      order by l.ready_at limit 1
    ) from waiting b
  ) waits
)
select 'event' as kind, e.bot_id, e.lane, e.id, e.attempt, e.deaths, e.was_claimed, e.type, e.dedupe_key, e.payload,
  extract(epoch from now() - e.received_at)::float8 * 1000 as ms,
  extract(epoch from now() - e.fresh_at)::float8 * 1000 as stale_ms, e.arrived_ms,
  null::int as part, null as message_id, null as receiver_type, null as receiver_id, null as uuid, null as msg_type,
  null as content, null::jsonb as delivery, null::int as unknown_attempts, p.pending > 1 as has_more, p.epoch, p.turn, p.ready_at
from events e join picked p on p.bot_id = e.bot_id and p.lane = e.lane
union all
select 'reply', r.bot_id, r.lane, r.inbox_id, r.attempt, null, null, null, null, null,
  extract(epoch from now() - r.created_at)::float8 * 1000, null,
  (select ${ARRIVED_MS} from feishu_inbox i where i.id = r.inbox_id),
  r.part, r.message_id, coalesce(r.receiver_type, 'chat_id'), coalesce(r.receiver_id, r.lane), r.uuid, r.msg_type,
  r.content, r.delivery, greatest(0, r.attempt - 1 - r.refused_count), null, p.epoch, p.turn, p.ready_at
from replies r join picked p on p.bot_id = r.bot_id and p.lane = r.lane
union all
select 'due', null, null, null, null, null, null, null, null, null, extract(epoch from at - now())::float8 * 1000,
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
from due
order by turn, ready_at, id, part`,
}

/** Counts open events, events with unsent replies, and dead letters. The partial indexes hold exactly these rows. */
export const SUMMARY: Statement = {
  name: 'feishu_summary',
  text: `
with open as (
  select id, received_at from feishu_inbox where state in ('available', 'executing')
  union
  select i.id, i.received_at from feishu_outbox o join feishu_inbox i on i.id = o.inbox_id where o.state = 'pending'
)
select (select count(*)::int from open) as depth,
  (select coalesce(greatest(0, extract(epoch from now() - min(received_at))), 0)::float8 * 1000 from open) as oldest_age_ms,
  (select count(*)::int from feishu_inbox where state = 'dead')
    + (select count(*)::int from feishu_outbox where state = 'dead') as dead`,
}

/**
 * $1 owner, $2 event id, $3 claim token. Claims the lane of one event if the event is the due head of the lane. Returns
 * no row if it is not, or if another statement has locked the lane.
 *
 * The rules at the top of this file hold: the lane is locked first, and the conditions are checked again on the newest
 * version of the lane and of the event.
 */
export const CLAIM_EVENT: Statement = {
  name: 'feishu_claim_event',
  text: `
with wanted as materialized (
  select i.id, i.bot_id, i.lane, 'available' as state, null::text as owner, 0 as unsent,
    i.claimed_at is not null as was_claimed
  from feishu_inbox i
  where i.id = $2::bigint and not exists (
    select from feishu_inbox e
    where e.bot_id = i.bot_id and e.lane = i.lane and e.state in ('available', 'executing') and e.id < i.id
  )
), picked as materialized (
  select w.id, w.state, w.was_claimed
  from wanted w join feishu_lanes l on l.bot_id = w.bot_id and l.lane = w.lane
  where l.owner is not distinct from w.owner and l.unsent = w.unsent and l.ready_at <= now()
  for update of l skip locked
), taken as (
  update feishu_inbox i set state = 'executing', attempt = i.attempt + 1, owner = $1, epoch = ${NEXT_EPOCH}, claimed_at = now()
  from picked p where i.id = p.id and i.state = p.state and i.available_at <= now()
  returning i.id, i.bot_id, i.lane, i.attempt, i.deaths, p.was_claimed, i.epoch, i.type, i.dedupe_key, i.payload,
    i.received_at, ${ARRIVED_MS} as arrived_ms, coalesce(i.resubmitted_at, i.created_at) as fresh_at
), moved as (
  update feishu_lanes l set owner = $1, claim_token = $3::uuid, epoch = t.epoch
  from taken t where l.bot_id = t.bot_id and l.lane = t.lane
)
select id, bot_id, lane, attempt, deaths, was_claimed, epoch, type, dedupe_key, payload,
  extract(epoch from now() - received_at)::float8 * 1000 as ms,
  extract(epoch from now() - fresh_at)::float8 * 1000 as stale_ms, arrived_ms
from taken`,
}
