import type { Statement } from '../database/database.ts'

/**
 * $1 age in ms, $2 limit. Deletes events in order of their end, oldest first, and returns the number of deleted events.
 *
 * This statement never waits for a lock: rows that another statement has locked are left to the next call. So the order
 * of locks does not matter. Idle lanes are deleted with their events; the next event creates them again.
 */
export const PRUNE: Statement = {
  name: 'feishu_prune',
  text: `
with old as materialized (
  select i.id from feishu_inbox i
  where i.state = 'completed' and i.finished_at <= now() - $1::float8 * interval '1 ms'
    and not exists (select from feishu_outbox o where o.inbox_id = i.id and o.state <> 'sent')
  order by i.finished_at limit $2::int
  for update of i skip locked
), gone as (
  delete from feishu_inbox i using old where i.id = old.id returning i.id, i.bot_id, i.lane
), replies as (
  delete from feishu_outbox o using gone where o.inbox_id = gone.id
), uploads as (
  delete from feishu_uploads u using gone where u.inbox_id = gone.id
), streams as (
  delete from feishu_streams s using gone where s.inbox_id = gone.id
), idle as materialized (
  select l.bot_id, l.lane
  from (select distinct bot_id, lane from gone) g join feishu_lanes l on l.bot_id = g.bot_id and l.lane = g.lane
  where l.pending = 0 and l.unsent = 0 and l.resubmitted = 0 and l.owner is null and l.ready_at is null
  for update of l skip locked
), lanes as (
  delete from feishu_lanes l using idle where l.bot_id = idle.bot_id and l.lane = idle.lane
)
select count(*)::int as pruned from gone`,
}
