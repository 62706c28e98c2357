import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Bench } from 'tinybench'
import { PoolThread } from '../../src/messages/pool/pool-thread.ts'
import { ControlClient } from '../../src/protocol/control-channel.ts'
import { systemClock } from '../../src/core/time/clock.ts'
import type { EventTask } from '../../src/protocol/chat.ts'
import type { DataUp } from '../../src/protocol/data.ts'
import type { BotControl } from '../../src/protocol/control.ts'
import { messageFrom } from './sample.ts'

/** One frame there and its answer back, nothing else to do on either side. Answers how to end the threads. */
export function addWires(bench: Bench, built: string): () => Promise<void> {
  const control = new MessageChannel()
  const worker = new Worker(join(built, 'echo-wires.cjs'), {
    workerData: { controlPort: control.port2 },
    transferList: [control.port2],
  })
  const child = fork(join(built, 'echo-wires.cjs'), { execArgv: [], serialization: 'advanced' })
  const client = new ControlClient<BotControl>(control.port1, systemClock)
  const thread = new PoolThread({
    filename: join(built, '../../workers/chat.cjs'),
    memoryMb: 256,
    secrets: {},
    mostRuns: 1,
    onDeath: (thrown) => {
      throw thrown
    },
    onFault: () => {},
  })
  const { event, inbound } = messageFrom(1)
  const frame: DataUp = { kind: 'deliver', incarnation: 1, id: 1, event }
  const task = {
    kind: 'event',
    handler: { kind: 'builtin', name: 'echo' },
    event: inbound,
    canReply: true,
    attempt: 1,
    timeoutMs: 60_000,
  } as const satisfies EventTask
  let run = 0
  bench
    .add('data wire of a thread: event there, accepted back', async () => {
      worker.postMessage(frame)
      await once(worker, 'message')
    })
    .add('data wire of a process: event there, accepted back', async () => {
      child.send(frame)
      await once(child, 'message')
    })
    .add('control wire: one call', () => client.call('connect', 5_000, (remote) => remote.connect()))
    .add('chat pool: one task of the echo handler', async () => {
      run += 1
      await thread.run(run, task, () => {})
      thread.endRun(run)
    })
  return async () => {
    child.kill('SIGKILL')
    control.port1.close()
    await Promise.all([worker.terminate(), thread.end()])
  }
}
