import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { expose } from 'comlink'
import { afterEach, describe, expect, it } from 'vitest'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { ControlClient } from '../../src/protocol/control-channel.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

interface Api {
  answer(): Promise<{ big: string }>
  hang(): Promise<void>
  fail(): Promise<void>
}

const api: Api = {
  answer: async () => ({ big: 'x'.repeat(1_000) }),
  hang: () => new Promise(() => {}),
  fail: async () => {
    throw new Error('no')
  },
}

const ports: MessagePort[] = []

afterEach(() => {
  for (const port of ports.splice(0)) port.close()
})

function connect() {
  const { port1, port2 } = new MessageChannel()
  ports.push(port1, port2)
  expose(api, port2)
  const clock = new FakeClock()
  return { clock, client: new ControlClient<Api>(port1, clock) }
}

const GONE = new FeishuSupervisorError('WORKER_UNREACHABLE', 'gone')

describe('a control call', () => {
  it('returns the answer or throws the failure of the other side, and leaves no timer', async () => {
    const { client, clock } = connect()
    expect(await client.call('answer', 1_000, (remote) => remote.answer())).toEqual({ big: 'x'.repeat(1_000) })
    await expect(client.call('fail', 1_000, (remote) => remote.fail())).rejects.toThrow('no')
    expect(clock.timerCount).toBe(0)
  })

  it('ends at its deadline', async () => {
    const { client, clock } = connect()
    const call = client.call('drain', 1_000, (remote) => remote.hang())
    const thrown = call.catch((value: unknown) => value)
    await clock.advance(1_000)
    expect(await thrown).toMatchObject({ code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('drain') })
  })

  it('in flight or later is rejected once the other side is gone', async () => {
    const { client, clock } = connect()
    const calls = [1, 2].map(() => client.call('hang', 1_000, (remote) => remote.hang()))
    client.lost(GONE)
    const outcomes = await Promise.allSettled([...calls, client.call('late', 1_000, (remote) => remote.answer())])
    expect(outcomes).toEqual([1, 2, 3].map(() => ({ status: 'rejected', reason: GONE })))
    expect(clock.timerCount).toBe(0)
  })

  it('is forgotten with its result, however long the client lives', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const { client } = connect()
    const results: WeakRef<object>[] = []
    for (let n = 0; n < 20; n += 1) {
      results.push(new WeakRef(await client.call('answer', 1_000, (remote) => remote.answer())))
    }
    await settle()
    collect()
    await settle()
    collect()
    expect(results.filter((result) => result.deref() !== undefined).length).toBeLessThan(3)
  })
})
