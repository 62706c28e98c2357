import type { Statement } from './database.ts'

// The rules of inbox-statements.ts hold here too.

/**
 * $1..$7: one array per column, $8 delay in ms, $9 and $10 reason and error of what is dead from the start,
 * $11 milliseconds since it arrived, null if that is not known. $12 owner, null: claim nothing; $13 limit, $14 bots and
 * $15 the most lanes of each, $16 the most lanes of any other, $17 claim token: as in CLAIM.
 * Ids follow the order of the input; a stored or repeated event keeps its first id.
 *
 * A lane that waited for nothing waits for its new head, which may be delayed. Or it is claimed with it, which
 * saves the claim's own commit: only where the lane is known, locked and without anything before the new event.
 */
export const ACCEPT: Statement = {
  name: 'feishu_accept',
  text: `
with input as materialized (
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[], $9::text[], $10::jsonb[],
    $11::float8[]
  ) with ordinality
    as t(bot_id, lane, dedupe_key, event_id, type, payload, created_at, delay_ms, reason, error, arrived_ago_ms, ord)
), known as materialized (
  select l.bot_id, l.lane, l.owner is null and l.pending = 0 and l.unsent = 0 and l.resubmitted = 0 as is_free
  from (select distinct bot_id, lane from input where $12::text is not null) x
  join feishu_lanes l on l.bot_id = x.bot_id and l.lane = x.lane
  order by l.bot_id, l.lane
  for update of l
), heads as materialized (
  select ord from (
    select f.ord, coalesce(r.room, $16::int) as room,
      row_number() over (partition by f.bot_id order by f.ord rows unbounded preceding) as turn
    from (select distinct on (bot_id, lane) * from input order by bot_id, lane, ord) f
    join known k on k.bot_id = f.bot_id and k.lane = f.lane
    left join unnest($14::text[], $15::int[]) as r(bot_id, room) on r.bot_id = f.bot_id
    where k.is_free and f.reason is null and f.delay_ms = 0
      and not exists (select from feishu_inbox e where e.bot_id = f.bot_id and e.dedupe_key = f.dedupe_key)
  ) x where turn <= room order by turn, ord limit $13::int
), inserted as (
  insert into feishu_inbox
    (bot_id, lane, dedupe_key, event_id, type, payload, created_at, available_at, state, finished_at, reason, last_error,
      arrived_at, attempt, owner, claimed_at)
  select bot_id, lane, dedupe_key, event_id, type, payload, to_timestamp(created_at / 1000),
    now() + delay_ms * interval '1 ms',
    case when reason is not null then 'dead' when h.ord is not null then 'executing' else 'available' end,
    case when reason is not null then now() end, reason, error,
    now() - arrived_ago_ms * interval '1 ms',
    (h.ord is not null)::int, case when h.ord is not null then $12 end, case when h.ord is not null then now() end
  from input left join heads h using (ord) order by ord
  on conflict (bot_id, dedupe_key) do nothing
  returning id, bot_id, lane, dedupe_key, state, available_at
), woken as (
  insert into feishu_lanes (bot_id, lane, pending, ready_at, owner, claim_token)
  select bot_id, lane, count(*)::int, (array_agg(available_at order by id))[1],
    case when bool_or(state = 'executing') then $12 end, case when bool_or(state = 'executing') then $17::uuid end
  from inserted where state <> 'dead' group by bot_id, lane order by bot_id, lane
  on conflict (bot_id, lane) do update
    set pending = feishu_lanes.pending + excluded.pending, ready_at = coalesce(feishu_lanes.ready_at, excluded.ready_at),
      owner = coalesce(excluded.owner, feishu_lanes.owner), claim_token = coalesce(excluded.claim_token, feishu_lanes.claim_token)
), resolved as materialized (
  select ord, bot_id, dedupe_key, created_at, max(new_id) over same as id, row_number() over (same order by ord) as nth,
    bool_or(is_claimed) over same as is_claimed
  from (
    select ord, bot_id, dedupe_key, created_at, null::bigint as new_id, false as is_claimed from input
    union all
    select null, bot_id, dedupe_key, null, id, state = 'executing' from inserted
  ) both_sides
  window same as (partition by bot_id, dedupe_key)
)
select coalesce(r.id, o.id) as id, r.id is null or r.nth > 1 as duplicate,
  case when r.is_claimed and r.nth = 1 then extract(epoch from now())::float8 * 1000 - r.created_at end as claimed_stale_ms
from resolved r
left join feishu_inbox o on r.id is null and o.bot_id = r.bot_id and o.dedupe_key = r.dedupe_key
where r.ord is not null
order by r.ord`,
}

/**
 * $1..$7: one array per column. Takes events back: $3 is the key of each, the rest describes what asks for it.
 *
 * One that waits is completed and leaves its lane, head or not. One that was never stored is stored now, as
 * completed: the unique key makes a duplicate of it when it arrives, even if both arrive at once. One that
 * is run or over is left alone.
 */
export const RECALL: Statement = {
  name: 'feishu_recall',
  text: `
with input as materialized (
  select distinct on (bot_id, dedupe_key) * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[]
  ) with ordinality as t(bot_id, lane, dedupe_key, event_id, type, payload, created_at, ord)
  order by bot_id, dedupe_key, ord
), located as materialized (
  select i.*, e.lane as known_lane
  from input i left join feishu_inbox e on e.bot_id = i.bot_id and e.dedupe_key = i.dedupe_key
), locked as materialized (
  select l.bot_id, l.lane
  from (select distinct bot_id, known_lane from located) x
  join feishu_lanes l on l.bot_id = x.bot_id and l.lane = x.known_lane
  order by l.bot_id, l.lane
  for update of l
), recalled as (
  insert into feishu_inbox
    (bot_id, lane, dedupe_key, event_id, type, payload, created_at, state, finished_at, reason)
  select bot_id, lane, dedupe_key, event_id, type, payload, to_timestamp(created_at / 1000), 'completed', now(), 'recalled'
  from located where (select count(*) from locked) >= 0
  order by bot_id, dedupe_key
  on conflict (bot_id, dedupe_key) do update
    set state = excluded.state, finished_at = excluded.finished_at, reason = excluded.reason
    where feishu_inbox.state = 'available'
  -- Only a row that was there before has been locked.
  returning bot_id, lane, xmax <> 0 as has_waited
)
insert into feishu_lanes (bot_id, lane, pending)
select bot_id, lane, (-count(*))::int from recalled where has_waited group by bot_id, lane order by bot_id, lane
on conflict (bot_id, lane) do update set
  pending = feishu_lanes.pending + excluded.pending,
  ready_at = case
    when feishu_lanes.owner is not null or feishu_lanes.unsent > 0 then feishu_lanes.ready_at
    when feishu_lanes.pending + excluded.pending > 0 then least(feishu_lanes.ready_at, now()) end`,
}
