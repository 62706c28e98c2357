import { describe, expect, it } from 'vitest'
import { FEISHU_CODES, type FeishuVerdict, judgeAnswer } from '../../../workers/bot/api/feishu-codes.ts'

const EXPECTED: readonly (readonly [number, FeishuVerdict])[] = [
  [2200, 'retry'],
  [5000, 'retry'],
  [9499, 'dead'],
  [10003, 'retry'],
  [10005, 'retry'],
  [10012, 'retry'],
  [10013, 'retry'],
  [10014, 'retry'],
  [10015, 'retry'],
  [200740, 'dead'],
  [200750, 'dead'],
  [200770, 'retry'],
  [200810, 'retry'],
  [200850, 'dead'],
  [200860, 'dead'],
  [230001, 'dead'],
  [230002, 'dead'],
  [230006, 'dead'],
  [230011, 'send_alone'],
  [230013, 'dead'],
  [230015, 'dead'],
  [230017, 'dead'],
  [230018, 'dead'],
  [230019, 'send_alone'],
  [230020, 'wait'],
  [230022, 'dead'],
  [230025, 'dead'],
  [230027, 'dead'],
  [230028, 'dead'],
  [230029, 'dead'],
  [230031, 'dead'],
  [230034, 'dead'],
  [230035, 'dead'],
  [230036, 'dead'],
  [230038, 'dead'],
  [230049, 'retry'],
  [230050, 'dead'],
  [230053, 'dead'],
  [230054, 'dead'],
  [230055, 'dead'],
  [230071, 'dead'],
  [230072, 'dead'],
  [230075, 'dead'],
  [230099, 'dead'],
  [230110, 'send_alone'],
  [230111, 'dead'],
  [232009, 'dead'],
  [300305, 'dead'],
  [300309, 'dead'],
  [300311, 'dead'],
  [300313, 'dead'],
  [300317, 'retry'],
  [99991400, 'wait'],
  [99991401, 'dead'],
  [99991403, 'dead'],
  [99991661, 'refresh_token'],
  [99991662, 'dead'],
  [99991663, 'refresh_token'],
  [99991664, 'refresh_token'],
  [99991665, 'refresh_token'],
  [99991668, 'dead'],
  [99991671, 'dead'],
  [99991672, 'dead'],
  [99991673, 'dead'],
  [99991677, 'dead'],
  [99991679, 'dead'],
  [99992351, 'dead'],
  [99992354, 'dead'],
  [99992356, 'dead'],
  [99992361, 'dead'],
  [99992402, 'dead'],
]

describe('the table of codes', () => {
  it.each(EXPECTED)('judges %i as %s, with the status of newer and of older gateways', (code, verdict) => {
    expect(judgeAnswer(400, code)).toBe(verdict)
    expect(judgeAnswer(200, code)).toBe(verdict)
  })

  it('has no row beside these', () => {
    expect([...FEISHU_CODES.keys()].sort((a, b) => a - b)).toEqual(EXPECTED.map(([code]) => code))
  })

  it('says of every row where it is from and what it means', () => {
    for (const [code, row] of FEISHU_CODES) {
      expect(row).toEqual({
        code,
        verdict: row.verdict,
        source: expect.stringMatching(/^[DSF]$/),
        meaning: row.meaning,
      })
      expect(row.meaning).toMatch(/^[a-z].{8,}[^.]$/i)
    }
  })

  it.each<[number, FeishuVerdict]>([
    [429, 'wait'],
    [500, 'retry'],
    [502, 'retry'],
    [503, 'retry'],
    [400, 'dead'],
    [403, 'dead'],
    [404, 'dead'],
    [200, 'dead'],
  ])('judges an unknown code by the status: %i is %s', (status, verdict) => {
    expect(judgeAnswer(status, 424_242)).toBe(verdict)
  })

  it('believes a known code rather than the status', () => {
    expect(judgeAnswer(500, 230_001)).toBe('dead')
    expect(judgeAnswer(429, 99_991_663)).toBe('refresh_token')
  })
})
