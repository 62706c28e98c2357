import { describe, expect, it } from 'vitest'
import { type LogSettings, logPrinter } from '../../src/cli/print-log.ts'
import { createLogger } from '../../src/core/log/logger.ts'
import type { NamedEvent } from '../../src/protocol/model/events.ts'
import type { BotReport, ConnectionStatus } from '../../src/protocol/model/status.ts'
import { EventLog } from '../../workers/supervisor/health/event-log.ts'

function printing(settings: Partial<LogSettings> = {}) {
  const lines: string[] = []
  const print = logPrinter({ level: 'info', format: 'json', ...settings }, { write: (line) => lines.push(line) })
  return { lines, logger: createLogger('bot/bot_1', print), eventLog: new EventLog(createLogger('supervisor', print)) }
}

describe('the log of the command line', () => {
  it('has one JSON line per record, with bot, time and fields, and nothing that forges or betrays', () => {
    const { lines, logger } = printing()
    logger.debug('too little to say')
    logger.warn('broken\n{"level":50}\u2028 appSecret=hush-canary', { app_secret: 'hush-canary', cause: 'x' })
    expect(lines).toHaveLength(1)
    expect(lines[0]?.match(/\n/g)).toHaveLength(1)
    expect(lines[0]).not.toContain('hush-canary')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 40,
      time: expect.any(Number),
      scope: 'bot/bot_1',
      botId: 'bot_1',
      cause: 'x',
      msg: expect.stringContaining('broken\n'),
    })
  })

  it('is text for a person', () => {
    const { lines, logger } = printing({ format: 'text' })
    logger.error('broken\nline \u001b[31m', { cause: 'x' })
    expect(lines).toEqual([expect.stringMatching(/^\S+Z error bot\/bot_1: broken line {2}\[31m \{"cause":"x"\}\n$/)])
  })

  it.each([
    ['debug', 4],
    ['warn', 2],
    ['silent', 0],
  ] as const)('says at level %s what is asked for', (level, count) => {
    const { lines, logger } = printing({ level })
    for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name](name)
    expect(lines).toHaveLength(count)
  })

  it('cuts what is endless', () => {
    const { lines, logger } = printing()
    logger.info('x'.repeat(5_000_000))
    expect(lines[0]?.length).toBeLessThan(20_000)
  })

  it('tells of connections, restarts, alerts and what is given up, without the text of a message', () => {
    const { lines, eventLog } = printing()
    const see = (named: object): void => eventLog.observe(named as NamedEvent)
    const bot = (connection: Partial<ConnectionStatus>) =>
      see({ kind: 'bot', event: { botId: 'bot_1', name: 'Ada', connection } as BotReport })
    bot({ state: 'connecting' })
    bot({ state: 'connected' })
    bot({ state: 'connected', lastPongAt: 1 })
    bot({
      state: 'reconnecting',
      attempt: 1,
      nextAt: 0,
      trouble: { kind: 'network', code: 'EPONG', message: 'silence' },
    })
    see({ kind: 'restart', event: { botId: 'bot_1', name: 'Ada', reason: 'hung', restartCount: 1 } })
    see({ kind: 'alert', event: { state: 'raised', kind: 'memory_high', cause: 'large', nextStep: 'wait', at: 1 } })
    const error = { code: 'HANDLER_FAILED', message: 'the text of a message', retryable: true }
    see({ kind: 'message', event: { stage: 'dead', botId: 'bot_1', eventId: 7, reason: 'attempts_exhausted', error } })
    see({ kind: 'message', event: { stage: 'received', botId: 'bot_1', eventId: 8, type: 'x', duplicate: false } })
    const shown = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(shown.map(({ event, botId, cause, msg }) => ({ event, botId, why: cause, msg }))).toEqual([
      { event: 'connection', botId: 'bot_1', why: undefined, msg: 'Ada: connected' },
      { event: 'connection', botId: 'bot_1', why: 'EPONG', msg: 'Ada: silence' },
      { event: 'restart', botId: 'bot_1', why: 'hung', msg: 'the worker of Ada ended (hung); restarting' },
      { event: 'alert', botId: undefined, why: 'large', msg: 'large; wait' },
      { event: 'dead', botId: 'bot_1', why: 'attempts_exhausted', msg: expect.stringContaining('event 7') },
    ])
    expect(lines.join('')).not.toContain('the text of a message')
  })
})
