import type { Statement } from '../database/database.ts'
import { NEXT_EPOCH } from './claim-statements.ts'

// The rules of claim-statements.ts hold here too.

/**
 * $1..$7: one array per column. $8 delay in ms. $9 and $10 reason and error of an event that is a dead letter at once.
 * $11 milliseconds since the event arrived, null if not known. $12 whether the event may be claimed: at most the first
 * event of a lane, and only if it is not delayed and not dead. $13 owner, null: claim no event. $14 claim token.
 *
 * Returns the stored events. If the same event is given twice, the first is stored. Events that are not returned were
 * stored before. Ids follow the order of the input.
 *
 * A lane in which no event waited now waits for its new head, which may be delayed. Or the lane is claimed together
 * with its new head, which saves the commit of a claim. It is claimed only if the lane row exists, is locked, and has
 * no work before the new event.
 */
export const ACCEPT: Statement = {
  name: 'feishu_accept',
  text: `
with input as materialized (
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[], $9::text[], $10::jsonb[],
    $11::float8[], $12::boolean[]
  ) with ordinality
    as t(bot_id, lane, dedupe_key, event_id, type, payload, created_at, delay_ms, reason, error, arrived_ago_ms, may_claim, ord)
), known as materialized (
  select i.ord, i.may_claim and l.owner is null and l.pending = 0 and l.unsent = 0 and l.resubmitted = 0 as is_free
  from input i join feishu_lanes l on l.bot_id = i.bot_id and l.lane = i.lane
  where $13::text is not null
  order by l.bot_id, l.lane
  for update of l
), inserted as (
  insert into feishu_inbox
    (bot_id, lane, dedupe_key, event_id, type, payload, created_at, available_at, state, finished_at, reason, last_error,
      arrived_at, attempt, owner, epoch, claimed_at)
  select bot_id, lane, dedupe_key, event_id, type, payload, to_timestamp(created_at / 1000),
    now() + delay_ms * interval '1 ms',
    case when reason is not null then 'dead' when k.is_free then 'executing' else 'available' end,
    case when reason is not null then now() end, reason, error,
    now() - arrived_ago_ms * interval '1 ms',
    coalesce(k.is_free, false)::int, case when k.is_free then $13 end, case when k.is_free then ${NEXT_EPOCH} end,
    case when k.is_free then now() end
  from input left join known k using (ord) order by ord
  on conflict (bot_id, dedupe_key) do nothing
  returning id, bot_id, lane, dedupe_key, state, available_at, created_at, epoch
), woken as (
  insert into feishu_lanes (bot_id, lane, pending, ready_at, owner, claim_token, epoch)
  select bot_id, lane, count(*)::int, (array_agg(available_at order by id))[1],
    case when bool_or(state = 'executing') then $13 end, case when bool_or(state = 'executing') then $14::uuid end,
    coalesce(max(epoch), 0)
  from inserted where state <> 'dead' group by bot_id, lane order by bot_id, lane
  on conflict (bot_id, lane) do update
    set pending = feishu_lanes.pending + excluded.pending, ready_at = coalesce(feishu_lanes.ready_at, excluded.ready_at),
      owner = coalesce(excluded.owner, feishu_lanes.owner), claim_token = coalesce(excluded.claim_token, feishu_lanes.claim_token),
      epoch = greatest(excluded.epoch, feishu_lanes.epoch)
)
select id, bot_id, dedupe_key, epoch as claimed_epoch,
  case when state = 'executing' then extract(epoch from now() - created_at)::float8 * 1000 end as claimed_stale_ms
from inserted`,
}

/** $1 bots, $2 dedupe keys: one entry per event. Returns the events that are stored. */
export const FIND: Statement = {
  name: 'feishu_find',
  text: `
select e.id, e.bot_id, e.dedupe_key
from unnest($1::text[], $2::text[]) as i(bot_id, dedupe_key)
join feishu_inbox e on e.bot_id = i.bot_id and e.dedupe_key = i.dedupe_key`,
}

/**
 * Recalls events. $1..$7: one array per column. $3 is the dedupe key of the recalled event; the other columns describe
 * the event that recalls it.
 *
 * A recalled event that waits is completed and leaves its lane, whether it is the head or not. A recalled event that
 * was never stored is stored now, as completed: the unique key makes it a duplicate when it arrives, even if both arrive
 * at once. A recalled event that is running or has ended is not changed.
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
