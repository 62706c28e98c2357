import type { Database, Statement } from '../database/database.ts'
import type { InstanceStore } from '../store.ts'

const RENEW: Statement = {
  name: 'feishu_renew',
  text: `
insert into feishu_instances (id, expires_at) values ($1, now() + $2::float8 * interval '1 ms')
on conflict (id) do update set expires_at = excluded.expires_at`,
}

/**
 * Makes the statement parts that free the lanes that a condition on `l` selects, and their executing events. With
 * `uncounted` 1 the attempt is not counted. Only the first reply of a lane can have been tried, and none with
 * `uncounted` 1: the attempts of the other replies count as refused. The condition is on the lane's row itself, so a
 * lane that got another owner meanwhile keeps that owner.
 */
function freeing(lanesOf: string, uncounted: 0 | 1): string {
  return `
freed as materialized (
  select l.bot_id, l.lane from ${lanesOf} order by l.bot_id, l.lane for update of l
), events as (
  update feishu_inbox i set state = 'available', owner = null, attempt = i.attempt - ${uncounted}
  from freed f where i.bot_id = f.bot_id and i.lane = f.lane and i.state = 'executing'
), replies as (
  update feishu_outbox o set refused_count = o.refused_count + 1
  from freed f cross join lateral (
    select x.inbox_id, x.part, x.state, row_number() over (order by x.inbox_id, x.part) as nth from feishu_outbox x
    where x.bot_id = f.bot_id and x.lane = f.lane and x.state = 'pending' and x.attempt > 0 offset 0
  ) claimed
  where claimed.nth > ${1 - uncounted} and o.inbox_id = claimed.inbox_id and o.part = claimed.part and o.state = claimed.state
), lanes as (
  update feishu_lanes l set owner = null, ready_at = now(),
    pending = l.pending - case when l.unsent > 0 and l.resubmitted > 0 then 1 else 0 end,
    unsent = l.unsent + l.resubmitted, resubmitted = 0
  from freed f where l.bot_id = f.bot_id and l.lane = f.lane
)
select count(*)::int as rescued from freed`
}

const RELEASE: Statement = {
  name: 'feishu_release',
  text: `
with gone as (
  delete from feishu_instances where id = $1
), ${freeing('feishu_lanes l where l.owner = $1', 0)}`,
}

/**
 * Frees the work of expired instances. An owner without a lease counts as expired: its claim arrived after the instance
 * was released.
 */
const RESCUE: Statement = {
  name: 'feishu_rescue',
  text: `
with gone as (
  delete from feishu_instances where id <> $1 and ($2 or expires_at <= now()) returning id
), owners as materialized (
  select id as owner from gone
  union
  select l.owner from feishu_lanes l
  where l.owner <> $1 and ($2 or not exists (select from feishu_instances i where i.id = l.owner))
), ${freeing('owners join feishu_lanes l on l.owner = owners.owner', 0)}`,
}

/** Undoes claims whose answer never arrived. Their work was not handed out, so the attempt does not count. */
export const UNCLAIM: Statement = {
  name: 'feishu_unclaim',
  text: `with ${freeing('feishu_lanes l where l.owner is not null and l.claim_token = any($1::uuid[])', 1)}`,
}

export function createInstanceStore(database: Database): InstanceStore {
  return {
    async renew(id, leaseMs) {
      await database.query(RENEW, [id, leaseMs], 'renewing the lease of this instance')
    },
    async release(id) {
      await database.query(RELEASE, [id], 'releasing the work of an instance')
    },
    async rescue(self, all) {
      const [row] = await database.query<{ rescued: number }>(RESCUE, [self, all], 'rescuing work of gone instances')
      return { rescued: row?.rescued ?? 0 }
    },
  }
}
