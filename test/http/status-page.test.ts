import { expect, it } from 'vitest'
import { statusPage } from '../../src/http/page/status-page.ts'
import type { DeadLetter } from '../../src/protocol/model/message.ts'
import type { BotReport, SupervisorStatus } from '../../src/protocol/model/status.ts'
import { botReport, shownBot } from '../support/bots.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const NASTY = '<img src=x onerror=alert(1)>"\'&'

const bot = shownBot('bot_1', { name: 'Ada', appId: 'cli_00000000000000a1', owner: 'ann', createdAt: NOW })

const report = botReport(bot, { restartCount: 3 }, { state: 'connected' })

const letter: DeadLetter = {
  kind: 'reply',
  eventId: 7,
  part: 1,
  botId: bot.id,
  lane: 'oc_1',
  type: 'text',
  dedupeKey: 'm:1',
  payload: 'hello',
  attempt: 5,
  reason: 'refused',
  endedAt: NOW,
}

const status = (...bots: BotReport[]): SupervisorStatus => ({
  state: 'running',
  incarnation: 1,
  restarts: 0,
  bots,
  pool: { threads: 4, busy: 1, queued: 0, stuck: 0 },
  inbox: { depth: 2, oldestAgeMs: 3_000, dead: 1 },
  store: { kind: 'pglite', ready: true },
})

function page(bots: BotReport[], letters: DeadLetter[] | undefined = [], mayOrder = true): string {
  const shown = letters && { items: letters, total: letters.length, page: 1, limit: 20 }
  return String(statusPage({ status: status(...bots), fastAttempts: 5, mayOrder, letters: shown }))
}

it('shows a bot with its state, restarts and buttons', () => {
  const shown = page([report])
  for (const text of [
    'Ada',
    'connected',
    'restarts 3',
    'long connection',
    'data-order="/api/feishu/bots/bot_1/restart"',
  ])
    expect(shown).toContain(text)
  expect(shown).toContain('data-order="/api/feishu/bots/bot_1/ws/disconnect"')
  expect(shown).not.toContain('class="cause"')
})

it.each<[string, Partial<BotReport>, readonly string[]]>([
  [
    'a connection that fails',
    {
      connection: {
        state: 'reconnecting',
        since: NOW,
        attempt: 2,
        trouble: { kind: 'network', code: 'ECONNREFUSED', message: 'no network: check it' },
        nextAt: NOW + 4_000,
      },
    },
    ['connecting', 'no network: check it', 'attempt 3', '2026-01-02T03:04:09.000Z'],
  ],
  [
    'a worker that crashes',
    {
      child: {
        ...report.child,
        state: 'restarting',
        nextStep: 'restarting',
        nextAt: NOW + 500,
        lastExit: {
          at: NOW,
          reason: 'crashed',
          exitCode: 1,
          error: { code: 'INTERNAL', message: 'boom', retryable: false },
        },
      },
      connection: { state: 'idle', since: NOW, attempt: 0 },
    },
    ['worker crashed: boom', 'restarting', '2026-01-02T03:04:05.500Z', 'last end: crashed'],
  ],
  [
    'a bot without keys in webhook mode',
    {
      bot: { ...bot, useWebSocket: false },
      connects: false,
      connection: { state: 'idle', since: NOW, attempt: 0 },
      obstacle: 'webhook mode needs keys',
    },
    ['disconnected', 'webhook mode needs keys', 'data-order="/api/feishu/bots/bot_1/ws/connect"'],
  ],
])('says of %s why and what comes next', (_what, more, texts) => {
  const shown = page([{ ...report, ...more }])
  for (const text of texts) expect(shown).toContain(text)
})

it('tells how many processes handlers have to themselves', () => {
  expect(page([report])).toContain('running in 4 threads<')
  const own = { ...status(report), pool: { ...status().pool, processes: 2 } }
  expect(String(statusPage({ status: own, fastAttempts: 5, mayOrder: false }))).toContain('4 threads, 2 processes')
})

it('shows what others wrote as text', () => {
  const shown = page(
    [
      {
        ...report,
        botId: NASTY,
        name: NASTY,
        bot: { ...bot, owner: NASTY, appId: NASTY },
        obstacle: NASTY,
        child: { ...report.child, nextStep: NASTY },
      },
    ],
    [
      {
        ...letter,
        payload: NASTY,
        type: NASTY,
        reason: NASTY,
        logId: NASTY,
        error: { code: 'INTERNAL', message: NASTY, retryable: false },
      },
    ],
  )
  expect(shown).not.toContain('<img')
  expect(shown.split('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;').length).toBeGreaterThan(10)
})

it('shows of a long payload its beginning', () => {
  expect(page([], [{ ...letter, payload: 'x'.repeat(1_000_000) }]).length).toBeLessThan(10_000)
})

it('has a button for each dead letter, and none for whoever may only read', () => {
  expect(page([report], [letter])).toContain('data-order="/api/feishu/dead-letters/7/resubmit"')
  expect(page([report], [letter])).toContain('data-body="{&quot;part&quot;:1}"')
  expect(page([report], [letter], false)).not.toContain('<button')
})

it('shows the bots while the dead letters cannot be read', () => {
  const shown = String(statusPage({ status: status(report), fastAttempts: 5, mayOrder: true }))
  expect(shown).toContain('Ada')
  expect(shown).toContain('cannot be read now')
})

it('turns the pages of the dead letters', () => {
  const letters = { items: [letter], total: 41, page: 2, limit: 20 }
  const shown = String(statusPage({ status: status(), fastAttempts: 5, mayOrder: true, letters }))
  expect(shown).toContain('page 2 of 3')
  expect(shown).toContain('data-letters="1"')
  expect(shown).toContain('data-letters="3"')
})

it("says when the host's own bots cannot all be read", () => {
  const error = { code: 'BOT_SOURCE_FAILED', message: `bot 7: ${NASTY}`, retryable: true } as const
  const shown = statusPage({
    status: { ...status(report), botSource: { ready: false, error } },
    fastAttempts: 5,
    mayOrder: true,
    letters: undefined,
  })
  expect(String(shown)).toContain('not all read')
  expect(String(shown)).toContain('bot 7: &lt;img')
  expect(page([report])).not.toContain('Bots of the host')
})
