import { asObject } from '../../src/core/as-object.ts'
import { assertNever } from '../../src/core/assert-never.ts'
import { errorText } from '../../src/core/errors.ts'
import type { FromBotProcess, ToBotProcess } from '../../src/protocol/bot-process.ts'
import type { IsolatedWorker } from '../../src/supervisor/isolation/isolated-worker.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'

// A process around one bot worker: hands its frames on, looks at its pulse, ends with it. Nothing runs in
// this thread that could keep it from leaving, whatever the worker does.
let worker: IsolatedWorker | undefined

// The supervisor is gone. `process.exit` would wait for a worker that sits in native code.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// Whoever signals the whole group means the host, which drains this bot and then ends it.
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
    signal: (signal) => post({ wire: 'signal', signal: isEndless(signal) ? ENDLESS : signal }),
    printed: (text) => post({ wire: 'printed', text }),
    exited: ({ exitCode, thrown }) => {
      const told = thrown === undefined ? {} : { thrown: { ...toPlain(thrown.value), stack: thrown.stack } }
      post({ wire: 'exited', exitCode, ...told }, () => process.exit(0))
    },
  })
  started.controlPort.on('message', (frame: unknown) => post({ wire: 'control', frame }))
  started.dataPort.on('message', (frame: unknown) => {
    post({ wire: 'data', frame: isEndless(frame) ? ENDLESS : frame })
  })
  setInterval(() => post({ wire: 'pulse', pulse: started.pulse() }), limits.heartbeatMs)
  return started
}

/** Stands for what would cost the host too much to read; it ends a worker that sends what it does not know. */
const ENDLESS = null as never

/** Far above what our worker sends: an event of `maxPayloadBytes`, a line that is cut. */
const MOST_CHARACTERS = 80_000_000

function isEndless(frame: unknown): boolean {
  const { event, record } = asObject(frame)
  const text = asObject(event)['payload'] ?? asObject(record)['message']
  return typeof text === 'string' && text.length > MOST_CHARACTERS
}

function toPlain(value: unknown): { message: string; code?: string } {
  const code = typeof value === 'object' && value !== null && 'code' in value ? { code: String(value.code) } : {}
  return { message: errorText(value), ...code }
}
