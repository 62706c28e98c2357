import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { assertNever } from '../../src/core/assert-never.ts'
import { enforceMemoryBudget } from '../../src/core/lifecycle/memory-budget.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { ThreadMarks } from '../../src/protocol/chat.ts'
import type { ChatProcessBoot, FromChatProcess, ToChatProcess } from '../../src/protocol/chat-process.ts'
import { RunChannelClient } from '../chat/run-channel-client.ts'
import { TaskRunner } from '../chat/task-runner.ts'

// Process that runs handlers on its main thread, one run at a time, with the code of a pool thread.
let runner: TaskRunner | undefined
/** The run channel's port, for which the IPC channel stands in. It never closes: without it there is no process. */
const port = Object.assign(new EventEmitter(), {
  postMessage: (frames: Extract<FromChatProcess, { wire: 'frames' }>['frames']) => post({ wire: 'frames', frames }),
})
// Handlers may take `send` away, and get another `exit`, see catch-faults.ts.
const send = process.send?.bind(process)
const { exit } = process

new Worker(join(__dirname, 'parent-watch.cjs'), {
  env: {},
  resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
}).unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A signal to the whole process group is for the host, which lets this run end and then ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

process.on('message', (frame: ToChatProcess) => {
  switch (frame.wire) {
    case 'boot':
      runner = start(frame.boot)
      break
    case 'task':
      void runner?.run(frame.task).then((answer) => post({ wire: 'answer', answer }))
      break
    case 'returns':
      port.emit('message', frame.returns)
      break
    default:
      assertNever(frame)
  }
})
post({ wire: 'ready' })

function start({ secrets, ...budget }: ChatProcessBoot): TaskRunner {
  hideValues(Object.values(secrets))
  enforceMemoryBudget(budget, ({ message }) => {
    // A throw would end the process too, but its standard error would end in a line of this bundle.
    process.stderr.write(`${message}\n`)
    exit(1)
  })
  const marks = new Int32Array(ThreadMarks.size)
  const started = new TaskRunner({ secrets, marks, faultCode: 'HANDLER_PROCESS_DIED', bundle: __filename })
  started.connect(new RunChannelClient(port))
  return started
}

function post(frame: FromChatProcess): void {
  send?.(frame, undefined, undefined, () => {})
}
