import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/time/clock.ts'
import { resolveOptions } from '../../../src/options/options.ts'
import type { DataUp } from '../../../src/protocol/data.ts'
import { threadIsolation } from '../../../src/supervisor/isolation/thread-isolation.ts'
import { botSpawner } from '../../../src/supervisor/spawn.ts'
import { closeLater, newApp } from '../../support/simulator.ts'
import { Recorder } from '../../support/recorder.ts'
import { listen } from '../../support/bot.ts'

async function sdkVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@larksuiteoapi/node-sdk')
  const { version } = JSON.parse(await readFile(join(dirname(entry), '..', 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

describe('the built bot worker', () => {
  it('calls the platform as the SDK it carries, with the names the platform expects', async () => {
    const calls = new Recorder<{
      path: string
      userAgent: string
      body: Record<string, unknown>
      request: IncomingMessage
    }>()
    const { url } = await listen(() =>
      createServer((request, response) => {
        void text(request).then((body) => {
          const { url: path = '', headers } = request
          calls.add({ path, userAgent: headers['user-agent'] ?? '', body: JSON.parse(body), request })
          const answer = path.includes('token')
            ? { code: 0, tenant_access_token: 't-1', expire: 7200 }
            : { code: 0, data: { message_id: 'om_2' } }
          response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
        })
      }),
    )
    const app = newApp()
    const ready = new Recorder<string>()
    const exited = new Recorder<number>()
    const { thread: options } = resolveOptions()
    const identity = { botId: 'b1', appId: app.appId, appSecret: app.appSecret, domain: url }
    const isolation = threadIsolation(resolve('dist/workers/bot.cjs'), options.supervision)
    const thread = botSpawner({ thread: isolation, process: isolation }, systemClock)(
      { ...identity, connection: options.connection, isolation: 'thread', isIdentified: true },
      1,
      {
        signal: ({ kind }) => ready.add(kind),
        exited: ({ exitCode }) => exited.add(exitCode),
        printed: () => {},
        misbehaved: () => {},
      },
    )
    closeLater(async () => {
      thread.terminate()
      await exited.next()
    })
    const frames = new Recorder<DataUp>()
    thread.dataPort.on('message', frames.add)
    await ready.next((kind) => kind === 'ready')
    await thread.control.call('connect', 5_000, (remote) => remote.connect())
    const discovery = await calls.next(({ path }) => path === '/callback/ws/endpoint')
    const reply = {
      messageId: 'om_1',
      receiver: { type: 'chat_id', id: 'oc_1' },
      msgType: 'text',
      content: '{"text":"x"}',
      uuid: 'u1',
    }
    thread.dataPort.postMessage({ kind: 'send', incarnation: 1, id: 7, reply })
    expect(await frames.next()).toEqual({ kind: 'sent', incarnation: 1, id: 7, messageId: 'om_2' })

    const version = await sdkVersion()
    expect(discovery.body).toEqual({ AppID: app.appId, AppSecret: app.appSecret })
    expect(calls.items.map(({ path }) => path)).toEqual([
      '/callback/ws/endpoint',
      '/open-apis/auth/v3/tenant_access_token/internal',
      '/open-apis/im/v1/messages/om_1/reply',
    ])
    for (const { userAgent } of calls.items) expect(userAgent).toContain(`oapi-node-sdk/${version}`)
    expect(calls.items[2]?.request.headers.authorization).toBe('Bearer t-1')
    expect(calls.items[2]?.body).toEqual({ msg_type: 'text', content: reply.content, uuid: 'u1' })
  })
})
