import { expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import { RawClient, type TestApp, SOON_MS, sdkClient, startSimulator, DATA } from '../support/simulator.ts'

async function countOf(url: string, app: TestApp): Promise<unknown> {
  const answer = await sdkClient(url, app).request({ url: '/open-apis/event/v1/connection', method: 'GET' })
  expect(answer).toMatchObject({ code: 0, msg: '' })
  return answer.data
}

it('counts the connections of the app', async () => {
  const { simulator, url, app } = await startSimulator()
  expect(await countOf(url, app)).toEqual({ online_instance_cnt: 0 })
  await (await RawClient.connect(url, app)).ready()
  const second = await RawClient.connect(url, app)
  expect(await countOf(url, app)).toEqual({ online_instance_cnt: 2 })
  second.socket.terminate()
  await simulator.once(entryOf('connection_closed'), SOON_MS)
  expect(await countOf(url, app)).toEqual({ online_instance_cnt: 1 })
})

it('forgets connections on order: pongs go on, events and the count do not', async () => {
  const { simulator, url, app } = await startSimulator({ timeScale: 0.001 })
  const deaf = await (await RawClient.connect(url, app)).ready()
  simulator.inject({ kind: 'forget_connections', appId: app.appId })
  await deaf.ready()
  expect(await countOf(url, app)).toEqual({ online_instance_cnt: 0 })
  simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  await simulator.once(entryOf('push_failed'), SOON_MS)
  const fresh = await (await RawClient.connect(url, app)).ready()
  fresh.ack(await fresh.next(DATA))
  expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 200 })
})
