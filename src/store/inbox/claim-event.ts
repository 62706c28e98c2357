import type { Statement } from '../database/database.ts'
import { ARRIVED_MS, NEXT_EPOCH } from './inbox-statements.ts'

/**
 * $1 owner, $2 event id, $3 claim token. Takes the lane of one event if the event is what the lane would
 * give out next; answers nothing if it is not, or if somebody else is at the lane right now.
 *
 * The rules of inbox-statements.ts hold: the lane is locked first, and what matters is re-checked on the
 * newest version of the lane and of the event.
 */
export const CLAIM_EVENT: Statement = {
  name: 'feishu_claim_event',
  text: `
with wanted as materialized (
  select i.id, i.bot_id, i.lane, 'available' as state, null::text as owner, 0 as unsent
  from feishu_inbox i
  where i.id = $2::bigint and not exists (
    select from feishu_inbox e
    where e.bot_id = i.bot_id and e.lane = i.lane and e.state in ('available', 'executing') and e.id < i.id
  )
), picked as materialized (
  select w.id, w.state
  from wanted w join feishu_lanes l on l.bot_id = w.bot_id and l.lane = w.lane
  where l.owner is not distinct from w.owner and l.unsent = w.unsent and l.ready_at <= now()
  for update of l skip locked
), taken as (
  update feishu_inbox i set state = 'executing', attempt = i.attempt + 1, owner = $1, epoch = ${NEXT_EPOCH}, claimed_at = now()
  from picked p where i.id = p.id and i.state = p.state and i.available_at <= now()
  returning i.id, i.bot_id, i.lane, i.attempt, i.epoch, i.type, i.dedupe_key, i.payload, i.received_at,
    ${ARRIVED_MS} as arrived_ms, coalesce(i.resubmitted_at, i.created_at) as fresh_at
), moved as (
  update feishu_lanes l set owner = $1, claim_token = $3::uuid, epoch = t.epoch
  from taken t where l.bot_id = t.bot_id and l.lane = t.lane
)
select id, bot_id, lane, attempt, epoch, type, dedupe_key, payload,
  extract(epoch from now() - received_at)::float8 * 1000 as ms,
  extract(epoch from now() - fresh_at)::float8 * 1000 as stale_ms, arrived_ms
from taken`,
}
