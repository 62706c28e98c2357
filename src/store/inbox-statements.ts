import type { Statement } from './database.ts'

/**
 * The statements of the inbox. Each verb is one statement, so it is atomic and costs one round trip.
 *
 * Two rules keep them safe at READ COMMITTED, where a statement works on the snapshot of its start
 * but changes the newest version of a row, re-checking its WHERE on that version:
 * - every condition that matters stands in the WHERE of the UPDATE or FOR UPDATE itself, and counters
 *   are changed by arithmetic on the row, so a stale snapshot can make a statement do less, never twice;
 * - a lane is locked before its inbox and outbox rows, several lanes in order of their key, so no two
 *   statements wait for each other.
 *
 * Plans are made once, perhaps on empty tables. So that each walks from the few rows at hand to the
 * big tables, never the other way, a state is often compared with a column of a materialized part
 * instead of a literal: a literal would offer the planner a partial index it believes to be empty.
 */

/** $1..$7: one array per column. Ids follow the order of the input; a stored or repeated event keeps its first id. */
export const ACCEPT: Statement = {
  name: 'feishu_accept',
  text: `
with input as materialized (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
    with ordinality as t(bot_id, lane, dedupe_key, event_id, type, payload, created_at, ord)
), inserted as (
  insert into feishu_inbox (bot_id, lane, dedupe_key, event_id, type, payload, created_at)
  select bot_id, lane, dedupe_key, event_id, type, payload, to_timestamp(created_at / 1000) from input order by ord
  on conflict (bot_id, dedupe_key) do nothing
  returning id, bot_id, lane, dedupe_key
), woken as (
  insert into feishu_lanes (bot_id, lane, pending, ready_at)
  select bot_id, lane, count(*)::int, now() from inserted group by bot_id, lane order by bot_id, lane
  on conflict (bot_id, lane) do update
    set pending = feishu_lanes.pending + excluded.pending, ready_at = coalesce(feishu_lanes.ready_at, now())
), resolved as materialized (
  select ord, bot_id, dedupe_key, max(new_id) over same as id, row_number() over (same order by ord) as nth
  from (
    select ord, bot_id, dedupe_key, null::bigint as new_id from input
    union all
    select null, bot_id, dedupe_key, id from inserted
  ) both_sides
  window same as (partition by bot_id, dedupe_key)
)
select coalesce(r.id, o.id) as id, r.id is null or r.nth > 1 as duplicate
from resolved r
left join feishu_inbox o on r.id is null and o.bot_id = r.bot_id and o.dedupe_key = r.dedupe_key
where r.ord is not null
order by r.ord`,
}

/**
 * $1 owner, $2 limit, $3 excluded bots, $4 claim token.
 *
 * Fair over bots: the oldest lane of each bot, then the second oldest, and so on; a bot with
 * thousands of waiting lanes costs `limit` index entries, not thousands.
 *
 * The snapshot may be stale: another claimer may have taken a lane since, or also finished its event
 * and freed it. FOR UPDATE then re-checks owner and ready_at on the newest version and leaves the lane
 * out, and the UPDATE of an event takes it only if its newest version is available and due. A lane
 * that was locked in vain is looked at again a moment later.
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
  select bot_id from bots where bot_id is not null and bot_id <> all($3::text[])
), candidates as materialized (
  select b.bot_id, c.lane, c.ready_at, c.turn, null::text as owner
  from waiting b cross join lateral (
    select l.lane, l.ready_at, row_number() over (order by l.ready_at rows unbounded preceding) as turn
    from feishu_lanes l
    where l.bot_id = b.bot_id and l.owner is null and l.ready_at <= now() order by l.ready_at limit $2::int
  ) c
), picked as materialized (
  select l.bot_id, l.lane, l.unsent, c.turn, c.ready_at
  from candidates c
  join feishu_lanes l on l.bot_id = c.bot_id and l.lane = c.lane
  where l.ready_at = c.ready_at and l.owner is not distinct from c.owner
  order by c.turn, c.ready_at limit $2::int
  for update of l skip locked
), replies as (
  update feishu_outbox o set attempt = o.attempt + 1
  from picked p cross join lateral (
    select x.inbox_id, x.part, x.state from feishu_outbox x
    where x.bot_id = p.bot_id and x.lane = p.lane and x.state = 'pending' offset 0
  ) unsent
  where p.unsent > 0 and o.inbox_id = unsent.inbox_id and o.part = unsent.part and o.state = unsent.state
  returning o.bot_id, o.lane, o.inbox_id, o.part, o.message_id, o.receiver_type, o.receiver_id, o.uuid, o.msg_type, o.content,
    o.attempt, o.refused_count, o.created_at
), heads as materialized (
  select p.bot_id, p.lane, h.id, h.state, h.available_at
  from picked p cross join lateral (
    select i.id, i.state, i.available_at from feishu_inbox i
    where i.bot_id = p.bot_id and i.lane = p.lane and i.state in ('available', 'executing') order by i.id limit 1
  ) h
  where p.unsent = 0 and h.state = 'available'
), events as (
  update feishu_inbox i set state = 'executing', attempt = i.attempt + 1, owner = $1, claimed_at = now()
  from heads h where i.id = h.id and i.state = h.state and i.available_at <= now()
  returning i.bot_id, i.lane, i.id, i.attempt, i.type, i.dedupe_key, i.payload, i.received_at, i.created_at
), taken as (
  select bot_id, lane from events union select bot_id, lane from replies
), moved as (
  update feishu_lanes l set
    owner = case when t.bot_id is null then null else $1 end,
    claim_token = case when t.bot_id is null then null else $4::uuid end,
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
select 'event' as kind, e.bot_id, e.lane, e.id, e.attempt, e.type, e.dedupe_key, e.payload,
  extract(epoch from now() - e.received_at)::float8 * 1000 as ms,
  extract(epoch from now() - e.created_at)::float8 * 1000 as stale_ms,
  null::int as part, null as message_id, null as receiver_type, null as receiver_id, null as uuid, null as msg_type,
  null as content, null::int as unknown_attempts, p.turn, p.ready_at
from events e join picked p on p.bot_id = e.bot_id and p.lane = e.lane
union all
select 'reply', r.bot_id, r.lane, r.inbox_id, r.attempt, null, null, null,
  extract(epoch from now() - r.created_at)::float8 * 1000, null,
  r.part, r.message_id, coalesce(r.receiver_type, 'chat_id'), coalesce(r.receiver_id, r.lane), r.uuid, r.msg_type,
  r.content, greatest(0, r.attempt - 1 - r.refused_count), p.turn, p.ready_at
from replies r join picked p on p.bot_id = r.bot_id and p.lane = r.lane
union all
select 'due', null, null, null, null, null, null, null, extract(epoch from at - now())::float8 * 1000,
  null, null, null, null, null, null, null, null, null, null, null
from due
order by turn, ready_at, id, part`,
}

/**
 * $1 id, $2 owner, $3 attempt, $4 kind, $5 after ms, $6 reason, $7 error, $8 unsure: one array each, one entry per event.
 * $9 index of the event (from 1), $10 part, $11 message id, $12 uuid, $13 msg type, $14 content, $15 receiver type,
 * $16 receiver id: one entry per reply.
 * Answers the indexes of the events whose fence held.
 *
 * `unsure`: an earlier call may have been carried out although its answer got lost; finding its result is a success.
 */
export const FINISH: Statement = {
  name: 'feishu_finish',
  text: `
with input as materialized (
  select distinct on (id) * from unnest(
    $1::bigint[], $2::text[], $3::int[], $4::text[], $5::float8[], $6::text[], $7::jsonb[], $8::boolean[]
  ) with ordinality as t(id, owner, attempt, kind, after_ms, reason, error, unsure, ord)
  order by id, ord
), reply as materialized (
  select * from unnest($9::int[], $10::int[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
    as t(ord, part, message_id, uuid, msg_type, content, receiver_type, receiver_id)
), located as materialized (
  select i.*, e.bot_id, e.lane, 'executing' as state from input i join feishu_inbox e on e.id = i.id
), target as materialized (
  select i.* from located i join feishu_lanes l on l.bot_id = i.bot_id and l.lane = i.lane and l.owner = i.owner
  order by i.bot_id, i.lane
  for update of l
), done as (
  update feishu_inbox e set
    state = case when t.kind in ('completed', 'dead') then t.kind else 'available' end,
    owner = case when t.kind in ('completed', 'dead') then e.owner end,
    attempt = case when t.kind = 'released' then e.attempt - 1 else e.attempt end,
    available_at = case when t.kind in ('completed', 'dead') then e.available_at else now() + t.after_ms * interval '1 ms' end,
    finished_at = case when t.kind in ('completed', 'dead') then now() end,
    dead_reason = t.reason,
    last_error = coalesce(t.error, e.last_error)
  from target t
  where e.id = t.id and e.state = t.state and e.owner = t.owner and e.attempt = t.attempt
  returning t.ord, e.id, e.bot_id, e.lane, t.kind, e.available_at
), sending as (
  insert into feishu_outbox
    (inbox_id, part, bot_id, lane, message_id, uuid, msg_type, content, receiver_type, receiver_id)
  select d.id, r.part, d.bot_id, d.lane, r.message_id, r.uuid, r.msg_type, r.content, r.receiver_type, r.receiver_id
  from done d join reply r on r.ord = d.ord where d.kind = 'completed'
), lanes as (
  update feishu_lanes l set
    unsent = d.unsent,
    owner = case when d.unsent > 0 then l.owner end,
    pending = l.pending - case when d.ends then 1 else 0 end,
    ready_at = case
      when d.unsent > 0 then l.ready_at
      when d.kind in ('retry', 'released') then d.available_at
      when l.pending > 1 then now() end
  from (
    select done.*, sent.unsent, sent.unsent = 0 and kind in ('completed', 'dead') as ends
    from done cross join lateral (
      select count(*)::int as unsent from reply r where r.ord = done.ord and done.kind = 'completed'
    ) sent
  ) d
  where l.bot_id = d.bot_id and l.lane = d.lane
)
select ord::int from done
union all
select i.ord::int from input i join feishu_inbox e on e.id = i.id
where i.unsure and e.state = i.kind and e.owner = i.owner and e.attempt = i.attempt
  and (
    not exists (select from reply r where r.ord = i.ord)
    or exists (select from feishu_lanes l where l.bot_id = e.bot_id and l.lane = e.lane and l.owner = i.owner)
  )`,
}

/**
 * $1 event id, $2 part, $3 owner, $4 attempt, $5 kind, $6 sent message id, $7 after ms, $8 reason, $9 error,
 * $10 log id, $11 unsure, $12 refused: one array each. Answers the indexes of the replies whose fence held.
 */
export const SETTLE: Statement = {
  name: 'feishu_settle',
  text: `
with input as materialized (
  select distinct on (event_id, part) * from unnest(
    $1::bigint[], $2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::float8[], $8::text[], $9::jsonb[],
    $10::text[], $11::boolean[], $12::boolean[]
  ) with ordinality
    as t(event_id, part, owner, attempt, kind, sent_message_id, after_ms, reason, error, log_id, unsure, refused, ord)
  order by event_id, part, ord
), located as materialized (
  select i.*, o.bot_id, o.lane, 'pending' as state from input i join feishu_outbox o on o.inbox_id = i.event_id and o.part = i.part
), target as materialized (
  select i.* from located i join feishu_lanes l on l.bot_id = i.bot_id and l.lane = i.lane and l.owner = i.owner
  order by i.bot_id, i.lane
  for update of l
), done as (
  update feishu_outbox o set
    state = case when t.kind = 'retry' then o.state else t.kind end,
    refused_count = o.refused_count + t.refused::int,
    sent_message_id = t.sent_message_id,
    sent_at = case when t.kind = 'sent' then now() end,
    dead_reason = t.reason,
    last_error = coalesce(t.error, o.last_error),
    log_id = coalesce(t.log_id, o.log_id)
  from target t
  where o.inbox_id = t.event_id and o.part = t.part and o.state = t.state and o.attempt = t.attempt
  returning t.ord, o.bot_id, o.lane, t.kind, t.after_ms
), waited as (
  -- Parts behind one that has to be tried again were claimed with it, but nobody tried them.
  update feishu_outbox o set refused_count = o.refused_count + 1
  from target t
  where t.kind = 'retry' and o.inbox_id = t.event_id and o.part > t.part and o.state = t.state
    and exists (select from done d where d.ord = t.ord)
), settled as (
  select bot_id, lane, count(*) filter (where kind <> 'retry')::int as gone, max(after_ms) filter (where kind = 'retry') as after_ms
  from done group by bot_id, lane
), lanes as (
  update feishu_lanes l set
    unsent = l.unsent - s.gone,
    owner = case when l.unsent > s.gone and s.after_ms is null then l.owner end,
    pending = l.pending - case when l.unsent > s.gone then 0 else 1 end,
    ready_at = case
      when s.after_ms is not null then now() + s.after_ms * interval '1 ms'
      when l.unsent > s.gone then l.ready_at
      when l.pending > 1 then now() end
  from settled s
  where l.bot_id = s.bot_id and l.lane = s.lane
)
select ord::int from done
union all
select i.ord::int from input i join feishu_outbox o on o.inbox_id = i.event_id and o.part = i.part
where i.unsure and o.state = i.kind and o.attempt = i.attempt`,
}

/** $1 limit, $2 offset. */
export const DEAD_LETTERS: Statement = {
  name: 'feishu_dead_letters',
  text: `
select 'event' as kind, id, null::int as part, bot_id, lane, type, dedupe_key, payload, attempt, dead_reason as reason,
  last_error as error, null as log_id, extract(epoch from finished_at)::float8 * 1000 as ended_at
from feishu_inbox where state = 'dead'
union all
select 'reply', o.inbox_id, o.part, o.bot_id, o.lane, i.type, i.dedupe_key, o.content, o.attempt, o.dead_reason,
  o.last_error, o.log_id, extract(epoch from i.finished_at)::float8 * 1000
from feishu_outbox o join feishu_inbox i on i.id = o.inbox_id where o.state = 'dead'
order by ended_at desc, id desc, part limit $1::int offset $2::int`,
}

/** Work not yet done, not all answered, or given up. The partial indexes hold just these rows. */
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
