import type { Statement } from '../database/database.ts'

// The rules of claim-statements.ts hold here too.

/**
 * All parameters are arrays.
 * One entry per event: $1 id, $2 owner, $3 epoch, $4 kind, $5 after ms, $6 reason, $7 error, $8 number of replies,
 * $17 milliseconds since it was acknowledged, null if not known.
 * One entry per reply: $9 index of the event (from 1), $10 part, $11 message id, $12 uuid, $13 msg type, $14 content,
 * $15 receiver type, $16 receiver id, $18 delivery.
 * Returns the indexes of the events whose fence held. If the same event is given twice, only the first counts.
 */
export const FINISH: Statement = {
  name: 'feishu_finish',
  text: `
with located as materialized (
  select i.*, e.bot_id, e.lane, 'executing' as state
  from unnest(
    $1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::float8[], $6::text[], $7::jsonb[], $8::int[], $17::float8[]
  ) with ordinality as i(id, owner, epoch, kind, after_ms, reason, error, unsent, acked_ago_ms, ord)
  join feishu_inbox e on e.id = i.id
), target as materialized (
  select i.* from located i join feishu_lanes l
    on l.bot_id = i.bot_id and l.lane = i.lane and l.owner = i.owner and l.epoch = i.epoch
  order by i.bot_id, i.lane, i.ord
  for update of l
), done as (
  update feishu_inbox e set
    state = case when t.kind in ('completed', 'dead') then t.kind else 'available' end,
    owner = case when t.kind in ('completed', 'dead') then e.owner end,
    attempt = case when t.kind = 'released' then e.attempt - 1 else e.attempt end,
    available_at = case when t.kind in ('completed', 'dead') then e.available_at else now() + t.after_ms * interval '1 ms' end,
    finished_at = case when t.kind in ('completed', 'dead') then now() end,
    acked_at = coalesce(now() - t.acked_ago_ms * interval '1 ms', e.acked_at),
    reason = t.reason,
    last_error = coalesce(t.error, e.last_error)
  from target t
  where e.id = t.id and e.state = t.state
  returning t.ord, e.id, e.bot_id, e.lane, e.epoch, t.kind, e.available_at, t.unsent
), sending as (
  insert into feishu_outbox
    (inbox_id, part, bot_id, lane, message_id, uuid, msg_type, content, receiver_type, receiver_id, delivery, epoch)
  select d.id, r.part, d.bot_id, d.lane, r.message_id, r.uuid, r.msg_type, r.content, r.receiver_type, r.receiver_id,
    r.delivery, d.epoch
  from done d join unnest(
    $9::int[], $10::int[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $18::jsonb[]
  ) as r(ord, part, message_id, uuid, msg_type, content, receiver_type, receiver_id, delivery) on r.ord = d.ord
), lanes as (
  update feishu_lanes l set
    unsent = case when d.unsent > 0 then d.unsent else l.resubmitted end,
    resubmitted = case when d.unsent > 0 then l.resubmitted else 0 end,
    owner = case when d.unsent > 0 then l.owner end,
    pending = l.pending - case when d.unsent = 0 and d.kind in ('completed', 'dead') then 1 else 0 end,
    ready_at = case
      when d.unsent > 0 then l.ready_at
      when d.kind in ('retry', 'released') and l.resubmitted = 0 then d.available_at
      when l.pending > 1 then now() end
  from done d
  where l.bot_id = d.bot_id and l.lane = d.lane
)
select ord::int from done`,
}

/**
 * $1 id, $2 owner, $3 epoch, $4 kind, $5 number of replies: one entry per event. Returns the indexes of the events that
 * this claim ended and whose replies no other claim has taken. An event that was put back or recalled since has no
 * owner, or the owner and epoch of a later claim.
 */
export const FINISHED: Statement = {
  name: 'feishu_finished',
  text: `
select i.ord::int
from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::int[]) with ordinality
  as i(id, owner, epoch, kind, unsent, ord)
join feishu_inbox e on e.id = i.id
where e.state = i.kind and e.owner = i.owner and e.epoch = i.epoch
  and (
    i.unsent = 0
    or exists (
      select from feishu_lanes l
      where l.bot_id = e.bot_id and l.lane = e.lane and l.owner = i.owner and l.epoch = i.epoch
    )
  )`,
}

/**
 * $1 event id, $2 part, $3 epoch, $4 kind, $5 owner, $6 sent message id, $7 after ms, $8 reason, $9 error, $10 log id,
 * $11 refused: arrays with one entry per reply. Returns the indexes of the replies whose fence held. If the same reply
 * is given twice, only the first counts.
 */
export const SETTLE: Statement = {
  name: 'feishu_settle',
  text: `
with located as materialized (
  select i.*, o.bot_id, o.lane, 'pending' as state
  from unnest(
    $1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[], $9::jsonb[],
    $10::text[], $11::boolean[]
  ) with ordinality
    as i(event_id, part, epoch, kind, owner, sent_message_id, after_ms, reason, error, log_id, refused, ord)
  join feishu_outbox o on o.inbox_id = i.event_id and o.part = i.part
), target as materialized (
  select i.* from located i join feishu_lanes l
    on l.bot_id = i.bot_id and l.lane = i.lane and l.owner = i.owner and l.epoch = i.epoch
  order by i.bot_id, i.lane, i.ord
  for update of l
), done as (
  update feishu_outbox o set
    state = case when t.kind = 'retry' then o.state else t.kind end,
    refused_count = o.refused_count + t.refused::int,
    sent_message_id = t.sent_message_id,
    sent_at = case when t.kind = 'sent' then now() end,
    reason = t.reason,
    died_at = case when t.kind = 'dead' then now() end,
    last_error = coalesce(t.error, o.last_error),
    log_id = coalesce(t.log_id, o.log_id)
  from target t
  where o.inbox_id = t.event_id and o.part = t.part and o.state = t.state and o.epoch = t.epoch
  returning t.ord, o.bot_id, o.lane, t.kind, t.after_ms
), waited as (
  -- Replies behind one that has to be tried again were claimed with it, but nobody tried them.
  update feishu_outbox o set refused_count = o.refused_count + 1
  from target t cross join lateral (
    select x.inbox_id, x.part, x.state from feishu_outbox x
    where x.bot_id = t.bot_id and x.lane = t.lane and x.state = 'pending' and x.attempt > 0
      and (x.inbox_id, x.part) > (t.event_id, t.part) offset 0
  ) behind
  where t.kind = 'retry' and o.inbox_id = behind.inbox_id and o.part = behind.part and o.state = behind.state
    and exists (select from done d where d.ord = t.ord)
), settled as (
  select bot_id, lane, count(*) filter (where kind <> 'retry')::int as gone, max(after_ms) filter (where kind = 'retry') as after_ms
  from done group by bot_id, lane
), lanes as (
  update feishu_lanes l set
    unsent = l.unsent - s.gone + case when l.unsent = s.gone or s.after_ms is not null then l.resubmitted else 0 end,
    resubmitted = case when l.unsent = s.gone or s.after_ms is not null then 0 else l.resubmitted end,
    owner = case when l.unsent > s.gone and s.after_ms is null then l.owner end,
    pending = l.pending - case
      when l.unsent = s.gone then 1
      when s.after_ms is not null and l.resubmitted > 0 then 1
      else 0 end,
    ready_at = case
      when s.after_ms is not null then now() + s.after_ms * interval '1 ms'
      when l.unsent > s.gone then l.ready_at
      when l.pending > 1 then now() end
  from settled s
  where l.bot_id = s.bot_id and l.lane = s.lane
)
select ord::int from done`,
}

/**
 * $1 event id, $2 part, $3 epoch, $4 kind: one entry per reply. Returns the indexes of the replies that this claim
 * ended.
 */
export const SETTLED: Statement = {
  name: 'feishu_settled',
  text: `
select i.ord::int
from unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[]) with ordinality as i(event_id, part, epoch, kind, ord)
join feishu_outbox o on o.inbox_id = i.event_id and o.part = i.part
where o.state = i.kind and o.epoch = i.epoch`,
}
