import { expect, it } from 'vitest'
import { createLogger } from '../../../src/core/log/logger.ts'
import { toHandlerTable } from '../../../src/handlers/handler-table.ts'
import { RunChannelServer } from '../../../src/messages/pool/run-channel-server.ts'
import { ContextServer, type RunOf } from '../../../src/messages/handle/context-server.ts'
import type { EventTask, StreamFrame } from '../../../src/protocol/chat.ts'
import { runHandler } from '../../../workers/chat/run-handler.ts'
import { RunChannelClient } from '../../../workers/chat/run-channel-client.ts'

it('a streamed answer is told of while it is made, and is part of the outcome', async () => {
  const contextServer = new ContextServer({ history: () => Promise.resolve([]), log: createLogger('test', () => {}) })
  const frames: StreamFrame[] = []
  let onFrame = (): void => {}
  const told = new Promise<void>((resolve) => {
    onFrame = resolve
  })
  async function* pieces(): AsyncGenerator<string> {
    yield 'half'
    // Only while it is being made can it have been told.
    await told
    yield ' and all'
  }
  const table = toHandlerTable({
    menu: async (_event: unknown, ctx: { stream: (source: unknown, options: object) => unknown }) =>
      ctx.stream(pieces(), { title: 'T' }),
  })
  const run: RunOf = {
    botId: 'a',
    eventId: 1,
    target: undefined,
    onFrame: (frame) => {
      frames.push(frame)
      onFrame()
    },
  }
  const channel = new RunChannelServer()
  channel.begin(1, (call, answer) => contextServer.take(call, run, answer))
  const task: EventTask = {
    kind: 'event',
    handler: { kind: 'builtin', name: 'echo' },
    event: {
      kind: 'menu',
      botId: 'a',
      eventId: 'e',
      createdAt: 1,
      raw: {},
      eventKey: 'k',
      operatorOpenId: 'ou_1',
      operatorName: 'Tom',
    },
    canReply: true,
    attempt: 1,
    timeoutMs: 5_000,
  }
  const outcome = await runHandler(table, task, { secrets: {}, channel: new RunChannelClient(channel.other), run: 1 })
  channel.end(1)
  channel.close()
  expect(frames[0]).toEqual({ stream: 0, text: 'half', title: 'T' })
  expect(frames.at(-1)).toMatchObject({ text: 'half and all' })
  expect(outcome).toMatchObject({ kind: 'handled', replies: [{ msgType: 'interactive', delivery: { stream: 0 } }] })
})
