import { afterEach, expect, it, vi } from 'vitest'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { createAuthenticate } from '../../src/http/api/authenticate.ts'
import type { ApiTokenRecord } from '../../src/protocol/model/access.ts'

afterEach(() => {
  vi.useRealTimers()
})

const RECORD: ApiTokenRecord = {
  id: 'a'.repeat(12),
  owner: 'ann',
  role: 'user',
  scopes: ['read'],
  name: '',
  createdAt: 0,
}
const TOKEN = `fs_${RECORD.id}_${'s'.repeat(43)}`
const AWAY = new FeishuSupervisorError('STORE_UNAVAILABLE', 'away')

const request = (token: string): Request =>
  new Request('http://localhost/', { headers: { authorization: `Bearer ${token}` } })

/** A database that answers what the test says. */
function database() {
  const state: { answer: ApiTokenRecord | null | Error; asked: number } = { answer: RECORD, asked: 0 }
  const authenticate = createAuthenticate({
    lookUp: () => {
      state.asked += 1
      return state.answer instanceof Error ? Promise.reject(state.answer) : Promise.resolve(state.answer)
    },
  })
  return { state, authenticate }
}

it('asks for every request, so that a revoked token is refused at once', async () => {
  const { state, authenticate } = database()
  expect(await authenticate(request(TOKEN))).toMatchObject({ id: RECORD.id, owner: 'ann' })
  state.answer = null
  expect(await authenticate(request(TOKEN))).toBeNull()
  expect(state.asked).toBe(2)
})

it('takes a token that was valid a moment ago while the database is away, and no other', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const { state, authenticate } = database()
  await authenticate(request(TOKEN))
  state.answer = AWAY
  vi.setSystemTime(Date.now() + 59_000)
  expect(await authenticate(request(TOKEN))).toMatchObject({ owner: 'ann' })
  await expect(authenticate(request(TOKEN.replace('sss', 'xxx')))).rejects.toThrow('away')
  vi.setSystemTime(Date.now() + 2_000)
  await expect(authenticate(request(TOKEN))).rejects.toThrow('away')
})

it('forgets a token that was refused in between', async () => {
  const { state, authenticate } = database()
  await authenticate(request(TOKEN))
  state.answer = null
  await authenticate(request(TOKEN))
  state.answer = AWAY
  await expect(authenticate(request(TOKEN))).rejects.toThrow('away')
})

it.each(['', 'fs_', `${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toUpperCase(), 'x'.repeat(10_000)])(
  'does not even ask about %j',
  async (token) => {
    const { state, authenticate } = database()
    expect(await authenticate(request(token))).toBeNull()
    expect(state.asked).toBe(0)
  },
)
