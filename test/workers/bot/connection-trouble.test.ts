import { describe, expect, it } from 'vitest'
import {
  networkTrouble,
  troubleOfClose,
  troubleOfCode,
  troubleOfHandshake,
  troubleOfStatus,
  troubleOfUpgrade,
} from '../../../workers/bot/connection/connection-trouble.ts'

describe('a code of the discovery answer', () => {
  it.each([
    [1, 'server'],
    [1000040343, 'server'],
    [1000040344, 'credentials'],
    [1000040345, 'credentials'],
    [1000040350, 'limit'],
    [403, 'credentials'],
    [514, 'credentials'],
    [424242, 'network'],
    [-1, 'network'],
  ])('%d means %s', (code, kind) => {
    const trouble = troubleOfCode(code, 'words of the platform')
    expect(trouble).toMatchObject({ kind, code: String(code) })
    expect(trouble.message).toContain(`words of the platform (${code}): `)
  })
})

describe('an HTTP status without a code', () => {
  it.each([
    [400, 'credentials'],
    [401, 'credentials'],
    [403, 'credentials'],
    [404, 'network'],
    [302, 'network'],
    [429, 'server'],
    [500, 'server'],
    [503, 'server'],
  ])('%d means %s', (status, kind) => {
    expect(troubleOfStatus(status)).toMatchObject({ kind, code: String(status) })
  })
})

describe('a refused handshake', () => {
  it.each([
    ['514', '1000040350', 'limit', '1000040350'],
    ['514', '1000040344', 'credentials', '1000040344'],
    ['514', undefined, 'network', '514'],
    ['514', '7', 'network', '514'],
    ['403', undefined, 'credentials', '403'],
    ['500', undefined, 'network', '500'],
    ['514', 'toString', 'network', '514'],
    ['514', '__proto__', 'network', '514'],
  ])('status %s with authentication code %s means %s', (status, authCode, kind, code) => {
    expect(troubleOfHandshake(status, authCode, 'refused')).toMatchObject({ kind, code })
  })
})

describe('a handshake that was refused without a word of Feishu', () => {
  it.each([
    [401, 'network'],
    [403, 'network'],
    [407, 'network'],
    [429, 'server'],
    [502, 'server'],
  ])('with status %d means %s: it says nothing of the credentials', (status, kind) => {
    expect(troubleOfUpgrade(status)).toMatchObject({ kind, code: String(status) })
  })
})

describe('the end of an established connection', () => {
  it.each([
    [1006, '', 'network'],
    [1001, 'going away', 'network'],
    [3001, 'backbone registered too many conns', 'limit'],
  ])('with code %d and reason "%s" means %s', (code, reason, kind) => {
    const trouble = troubleOfClose(code, reason)
    expect(trouble).toMatchObject({ kind, code: 'ECLOSED' })
    expect(trouble.message).toContain(`code ${code}`)
    expect(trouble.message).toContain(reason)
  })
})

describe('every trouble', () => {
  it('says what happened and what to do', () => {
    expect(networkTrouble('ECONNREFUSED', 'no connection')).toEqual({
      kind: 'network',
      code: 'ECONNREFUSED',
      message: expect.stringMatching(/^no connection \(ECONNREFUSED\): .*tries again by itself/),
    })
    expect(troubleOfCode(514, 'auth failed').message).toContain('check the app id and app secret')
  })
})
