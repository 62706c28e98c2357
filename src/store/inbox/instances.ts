import type { Database, Statement } from '../database/database.ts'
import type { InstanceStore } from '../store.ts'

/**
 * $1 instance, $2 lease in ms, $3 whether the instance drains. The mark stays, whatever later renewals say.
 *
 * An instance that renews its lease lives, so a death that `RESCUE` counted for it is taken back. This is looked up at
 * each renewal, so that none is missed: a rescue may commit after the snapshot of this statement, and an answer may get
 * lost.
 */
const RENEW: Statement = {
  name: 'feishu_renew',
  text: `
with renewed as (
  insert into feishu_instances (id, expires_at, draining_at)
  values ($1, now() + $2::float8 * interval '1 ms', case when $3::boolean then now() end)
  on conflict (id) do update set expires_at = excluded.expires_at,
    draining_at = coalesce(feishu_instances.draining_at, excluded.draining_at)
  returning id
), counted as materialized (
  select e.id, e.bot_id, e.lane, r.id as instance from renewed r cross join lateral (
    select i.id, i.bot_id, i.lane from feishu_inbox i where i.last_death_of = r.id offset 0
  ) e
), locked as materialized (
  select l.lane from counted c join feishu_lanes l on l.bot_id = c.bot_id and l.lane = c.lane
  order by l.bot_id, l.lane for update of l
)
update feishu_inbox i set deaths = greatest(0, i.deaths - 1), last_death_of = null
from counted c where i.id = c.id and i.last_death_of is not distinct from c.instance and (select count(*) from locked) >= 0`,
}

interface Freeing {
  /** SQL: the instance whose death counts for the events, or null. Default: null. */
  readonly deathOf?: string
  /** Whether the first reply of a lane may have been sent. */
  readonly isTried: boolean
}

/**
 * Makes the statement parts that free the lanes that a condition on `l` selects, and their executing events. No attempt
 * of an event is counted: only the outcome of a run counts. The attempts of replies that cannot have been sent count as
 * refused. The condition is on the lane's row itself, so a lane that got another owner meanwhile keeps that owner.
 */
function freeing(lanesOf: string, { deathOf = 'null', isTried }: Freeing): string {
  return `
freed as materialized (
  select l.bot_id, l.lane, ${deathOf}::text as death_of from ${lanesOf} order by l.bot_id, l.lane for update of l
), events as (
  update feishu_inbox i set state = 'available', owner = null, attempt = greatest(0, i.attempt - 1),
    deaths = least(32767, i.deaths + (f.death_of is not null)::int), last_death_of = coalesce(f.death_of, i.last_death_of)
  from freed f where i.bot_id = f.bot_id and i.lane = f.lane and i.state = 'executing'
), replies as (
  update feishu_outbox o set refused_count = o.refused_count + 1
  from freed f cross join lateral (
    select x.inbox_id, x.part, x.state, row_number() over (order by x.inbox_id, x.part) as nth from feishu_outbox x
    where x.bot_id = f.bot_id and x.lane = f.lane and x.state = 'pending' and x.attempt > 0 offset 0
  ) claimed
  where claimed.nth > ${isTried ? 1 : 0} and o.inbox_id = claimed.inbox_id and o.part = claimed.part and o.state = claimed.state
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
), ${freeing('feishu_lanes l where l.owner = $1', { isTried: true })}`,
}

/**
 * $1 this instance, $2 whether all others are gone, $3 one that is gone for certain, or null. Frees the work of expired
 * instances and of those.
 *
 * A death counts unless the instance had stored that it drains. A lease that lapsed does not tell a killed process from
 * one that was cut off for a while, so it counts too, and `RENEW` takes the count back if the instance comes again.
 * Until then a wrong count does no harm: the event only runs alone. It is one count for each event, so of two instances
 * that both lapse with an event and both come again, the count of the first stays.
 *
 * An owner without a lease is freed too, and counts nothing: its claim arrived after the instance was released or
 * rescued, so no run of a process that died had the event.
 */
const RESCUE: Statement = {
  name: 'feishu_rescue',
  text: `
with gone as (
  delete from feishu_instances where id <> $1 and ($2 or id = $3::text or expires_at <= now()) returning id, draining_at
), owners as materialized (
  select owner, max(death_of) as death_of from (
    select id as owner, case when draining_at is null then id end as death_of from gone
    union all
    select l.owner, null from feishu_lanes l
    where l.owner <> $1 and ($2 or l.owner = $3 or not exists (select from feishu_instances i where i.id = l.owner))
  ) o group by owner
), ${freeing('owners join feishu_lanes l on l.owner = owners.owner', { deathOf: 'owners.death_of', isTried: true })}`,
}

/** Undoes claims whose answer never arrived. Their work was not handed out. */
export const UNCLAIM: Statement = {
  name: 'feishu_unclaim',
  text: `
with ${freeing('feishu_lanes l where l.owner is not null and l.claim_token = any($1::uuid[])', { isTried: false })}`,
}

export function createInstanceStore(database: Database): InstanceStore {
  return {
    async renew(id, leaseMs, isDraining = false) {
      await database.query(RENEW, [id, leaseMs, isDraining], 'renewing the lease of this instance')
    },
    async release(id) {
      await database.query(RELEASE, [id], 'releasing the work of an instance')
    },
    async rescue(self, all, superseded) {
      const values = [self, all, superseded ?? null]
      const [row] = await database.query<{ rescued: number }>(RESCUE, values, 'rescuing work of gone instances')
      return { rescued: row?.rescued ?? 0 }
    },
  }
}
