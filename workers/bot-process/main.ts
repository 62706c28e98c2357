import { asObject } from '../../src/core/as-object.ts'
import { assertNever } from '../../src/core/assert-never.ts'
import { errorText } from '../../src/core/errors.ts'
import type { FromBotProcess, ToBotProcess } from '../../src/protocol/bot-process.ts'
import type { IsolatedWorker } from '../../src/supervisor/isolation/isolated-worker.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'

// Process around one bot worker: forwards its frames, observes its pulse, ends with it. The worker runs in another
// thread, so that it cannot keep this thread from exiting.
let worker: IsolatedWorker | undefined

// The supervisor is gone. `process.exit` would wait for a worker in native code.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A signal to the whole process group is for the host, which drains this bot and then ends it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

process.on('message', (frame: ToBotProcess) => {
  switch (frame.wire) {
    case 'boot':
      worker = start(frame)
      break
    case 'control':
      worker?.controlPort.postMessage(frame.frame)
      break
    case 'data':
      worker?.dataPort.postMessage(frame.frame)
      break
    default:
      assertNever(frame)
  }
})

function post(frame: FromBotProcess, sent: () => void = () => {}): void {
  process.send?.(frame, undefined, undefined, sent)
}

function start({ entry, bot, incarnation, limits }: Extract<ToBotProcess, { wire: 'boot' }>): IsolatedWorker {
  const started = threadIsolation(entry, limits)(bot, incarnation, {
    signal: (signal) => post({ wire: 'signal', signal: isOversized(signal) ? OVERSIZED : signal }),
    printed: (text) => post({ wire: 'printed', text }),
    exited: ({ exitCode, thrown }) => {
      const error = thrown === undefined ? {} : { thrown: { ...toPlain(thrown.value), stack: thrown.stack } }
      post({ wire: 'exited', exitCode, ...error }, () => process.exit(0))
    },
  })
  started.controlPort.on('message', (frame: unknown) => post({ wire: 'control', frame }))
  started.dataPort.on('message', (frame: unknown) => {
    post({ wire: 'data', frame: isOversized(frame) ? OVERSIZED : frame })
  })
  setInterval(() => post({ wire: 'pulse', pulse: started.pulse() }), limits.heartbeatMs)
  return started
}

/** Replaces a frame that is too large for the host to read. The host ends a worker that sends an unknown frame. */
const OVERSIZED = null as never

/** Largest text of a frame. Our worker stays far below: its events have `maxPayloadBytes`, its log lines are cut. */
const MAX_CHARACTERS = 80_000_000

function isOversized(frame: unknown): boolean {
  const { event, record } = asObject(frame)
  const text = asObject(event)['payload'] ?? asObject(record)['message']
  return typeof text === 'string' && text.length > MAX_CHARACTERS
}

function toPlain(value: unknown): { message: string; code?: string } {
  const code = typeof value === 'object' && value !== null && 'code' in value ? { code: String(value.code) } : {}
  return { message: errorText(value), ...code }
}
