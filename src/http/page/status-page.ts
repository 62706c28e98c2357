import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import type { BotReport, ConnectionWord, PoolStats, SupervisorStatus } from '../../protocol/model/status.ts'
import type { DeadLetter } from '../../protocol/model/message.ts'
import { iso } from '../schema/instant.ts'
import { connectionView, troubleOf } from '../schema/status-view.ts'

export interface StatusPageInput {
  /** Status with only the bots that the caller may see. */
  readonly status: SupervisorStatus
  readonly fastAttempts: number
  /** Shows the buttons. */
  readonly mayOrder: boolean
  /** One page of dead letters; undefined while they cannot be read. */
  readonly letters?:
    | { readonly items: readonly DeadLetter[]; readonly total: number; readonly page: number; readonly limit: number }
    | undefined
}

/** Characters of a payload that the page shows. The API gives the rest. */
const MAX_SHOWN = 4_000

const TONES: Readonly<Record<ConnectionWord, string>> = {
  connected: 'good',
  connecting: 'busy',
  error: 'bad',
  disconnected: 'rest',
}

/** Renders the content of the status page. The template escapes all foreign text: names, errors, payloads. */
export function statusPage({ status, fastAttempts, mayOrder, letters }: StatusPageInput): HtmlEscapedString {
  const { bots } = status
  const nameOf = (botId: string): string => bots.find((bot) => bot.botId === botId)?.name ?? botId
  return part`${figures(status, letters?.total)}
    <h2>Bots</h2>
    ${bots.length === 0 ? part`<p class="quiet">There are none yet: <code>feishu-supervisor bots add --help</code></p>` : ''}
    ${bots.map((bot) => botCard(bot, fastAttempts, mayOrder))}
    <h2>Dead letters</h2>
    ${letters === undefined ? part`<p class="quiet">They cannot be read now.</p>` : ''}
    ${letters?.total === 0 ? part`<p class="quiet">None: nothing was given up.</p>` : ''}
    ${letters?.items.map((letter) => letterCard(letter, nameOf(letter.botId), mayOrder))}
    ${letters === undefined ? '' : pager(letters)}`
}

function figures(
  { state, startedAt, restarts, lastExit, store, botSource, inbox, pool }: SupervisorStatus,
  dead = inbox.dead,
): HtmlEscapedString {
  const waits = inbox.depth === 0 ? '' : `, the oldest for ${Math.round(inbox.oldestAgeMs / 1_000)} s`
  return part`<dl class="figures" id="figures">
    ${figure('Supervisor', part`<span class="state ${state === 'running' ? 'good' : 'bad'}">${state}</span> ${startedAt === undefined ? '' : part`<span class="quiet">started ${time(startedAt)}</span>`}`)}
    ${restarts === 0 ? '' : figure('Restarts of its thread', part`${restarts} ${lastExit === undefined ? '' : part`<span class="quiet">${lastExit.reason} ${time(lastExit.at)}</span>`}`)}
    ${figure('Database', part`<span class="state ${store.ready ? 'good' : 'bad'}">${store.ready ? 'ready' : 'away'}</span> <span class="quiet">${store.error?.message ?? store.kind}</span>`)}
    ${botSource === undefined ? '' : figure('Bots of the host', part`<span class="state ${botSource.ready ? 'good' : 'bad'}">${botSource.ready ? 'read' : 'not all read'}</span> <span class="quiet">${botSource.error?.message ?? ''}</span>`)}
    ${figure('Inbox', part`${inbox.depth} <span class="quiet">waiting${waits}</span>`)}
    ${figure('Dead letters', part`${dead}`)}
    ${figure('Handlers', part`${pool.busy} <span class="quiet">${runsText(pool)}</span>`)}
  </dl>`
}

/** What stands behind the number of runs. */
function runsText({ threads, queued, stuck, renewing = 0, overdueOnHost = 0, processes = 0 }: PoolStats): string {
  return [
    `running in ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    ...(processes === 0 ? [] : [`${processes} ${processes === 1 ? 'process' : 'processes'} of handlers`]),
    ...(queued === 0 ? [] : [`${queued} waiting for room`]),
    ...(renewing === 0 ? [] : [`${renewing} threads renewed`]),
    ...(stuck === 0 ? [] : [`${stuck} threads stuck`]),
    ...(overdueOnHost === 0 ? [] : [`${overdueOnHost} overdue on the host's thread`]),
  ].join(', ')
}

function figure(name: string, value: HtmlEscapedString): HtmlEscapedString {
  return part`<div><dt>${name}</dt><dd>${value}</dd></div>`
}

function botCard(report: BotReport, fastAttempts: number, mayOrder: boolean): HtmlEscapedString {
  const { botId, bot, child, connection, memoryMb } = report
  const { state, lastEventAt, attempt, nextAttemptAt } = connectionView(report, fastAttempts)
  const cause = troubleOf(report)?.cause
  const since = child.state === 'running' ? connection.since : child.since
  const next = child.nextStep ?? (nextAttemptAt === undefined ? undefined : `attempt ${(attempt ?? 0) + 1}`)
  return part`<section class="card" id="${botId}">
    <div>
      <h3>${report.name}</h3>
      <span class="state ${TONES[state]}">${state}</span>
      <span class="quiet">since ${time(since)}</span>
    </div>
    <p class="quiet">${bot.useWebSocket ? 'long connection' : 'webhook mode'} · ${bot.appId} · of ${bot.owner}${bot.isolation === 'process' ? ' · own process' : ''}</p>
    ${cause === undefined ? '' : part`<p class="cause">${cause}</p>`}
    ${next === undefined ? '' : part`<p class="next">Next: ${next} ${nextAttemptAt === undefined ? '' : time(nextAttemptAt)}</p>`}
    <p class="quiet">worker ${child.state}${memoryMb === undefined || memoryMb < 1 ? '' : ` · ${Math.round(memoryMb)} MB`} · restarts ${child.restartCount}${child.stuck === undefined ? '' : part` · ${child.stuck.count} stuck in native code since ${time(child.stuck.since)}`}${child.lastExit === undefined ? '' : part` · last end: ${child.lastExit.reason} ${time(child.lastExit.at)}`}${lastEventAt === undefined ? '' : part` · last event ${time(lastEventAt)}`}</p>
    ${mayOrder ? orders(report) : ''}
  </section>`
}

function orders({ botId, bot }: BotReport): HtmlEscapedString {
  const path = `/api/feishu/bots/${botId}`
  const connect = bot.useWebSocket
    ? button(`disconnect-${botId}`, 'Disconnect', `${path}/ws/disconnect`, 'The long connection is closed.')
    : button(`connect-${botId}`, 'Connect', `${path}/ws/connect`, 'It connects.')
  if (!bot.enabled) return part``
  return part`<div class="orders">
    ${connect}
    ${button(`restart-${botId}`, 'Restart', `${path}/restart`, 'A new worker starts.')}
  </div>`
}

function letterCard(letter: DeadLetter, name: string, mayOrder: boolean): HtmlEscapedString {
  const { eventId, part: replyPart, type, reason, attempt, error, logId, endedAt, payload } = letter
  const id = replyPart === undefined ? `letter-${eventId}` : `letter-${eventId}-${replyPart}`
  const body = JSON.stringify(replyPart === undefined ? {} : { part: replyPart })
  return part`<section class="card" id="${id}">
    <div>
      <h3>${name}</h3>
      <span class="state bad">${reason}</span>
      <span class="quiet">${time(endedAt)}</span>
    </div>
    <p class="quiet">${letter.kind} ${eventId}${replyPart === undefined ? '' : ` part ${replyPart}`} · ${type} · attempts ${attempt}${logId === undefined ? '' : ` · log id ${logId}`}</p>
    ${error === undefined ? '' : part`<p class="cause">${error.message} (${error.code})</p>`}
    ${reason === 'outcome_unknown' ? part`<p class="next">It may be visible already: sent again, it may be there twice.</p>` : ''}
    <details id="${id}-payload"><summary>Payload</summary><pre>${payload.length > MAX_SHOWN ? `${payload.slice(0, MAX_SHOWN)}…` : payload}</pre></details>
    ${mayOrder ? part`<div class="orders">${button(`resubmit-${id}`, 'Resubmit', `/api/feishu/dead-letters/${eventId}/resubmit`, 'It is put back.', body)}</div>` : ''}
  </section>`
}

function pager({ page, limit, total }: NonNullable<StatusPageInput['letters']>): HtmlEscapedString {
  const last = Math.max(1, Math.ceil(total / limit))
  if (last === 1 && page === 1) return part``
  const to = (id: string, text: string, target: number): HtmlEscapedString =>
    part`<button type="button" id="${id}" data-letters="${target}">${text}</button>`
  return part`<div class="orders">
    ${page > 1 ? to('newer', 'Newer', Math.min(page - 1, last)) : ''}
    ${page < last ? to('older', 'Older', page + 1) : ''}
    <span class="quiet">page ${page} of ${last}</span>
  </div>`
}

/** Renders a button for an order. The page shows `done` after the order succeeded. */
function button(id: string, text: string, order: string, done: string, body?: string): HtmlEscapedString {
  return part`<button type="button" id="${id}" data-order="${order}" ${body === undefined ? '' : part`data-body="${body}"`} title="${done}">${text}</button>`
}

/** Renders an instant. The script replaces it with the distance from now. */
function time(at: number | string): HtmlEscapedString {
  const text = typeof at === 'string' ? at : iso(at)
  return part`<time datetime="${text}">${text}</time>`
}

/** Renders a template. Values are escaped unless they are such templates themselves. */
function part(strings: TemplateStringsArray, ...values: unknown[]): HtmlEscapedString {
  // `html` returns a promise only for values that are promises.
  return html(strings, ...values) as HtmlEscapedString
}
