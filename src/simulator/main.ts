import { errorText } from '../core/errors.ts'
import type { SimulatorConfig, SimulatorNotice } from './launch.ts'
import { FeishuSimulator } from './simulator.ts'

// Process entry: `node main.js '<config as JSON>'`. A forked process sends its URL to the parent and ends with the
// parent. A process started by hand prints the same notice and ends on a signal.

let simulator: FeishuSimulator | undefined

function notify(notice: SimulatorNotice): void {
  if (process.send) process.send(notice)
  else process.stdout.write(`${JSON.stringify(notice)}\n`)
}

// With its handles closed the process ends by itself.
async function shutDown(): Promise<void> {
  await simulator?.stop()
  if (process.connected) process.disconnect()
}

for (const event of ['disconnect', 'SIGTERM', 'SIGINT'] as const) process.on(event, () => void shutDown())

try {
  const { port = 0, apps = [], ...options } = JSON.parse(process.argv[2] ?? '{}') as SimulatorConfig
  simulator = new FeishuSimulator(options)
  for (const app of apps) simulator.addApp(app)
  const { url } = await simulator.start({ port })
  notify({ kind: 'listening', url })
} catch (thrown) {
  process.exitCode = 1
  notify({ kind: 'failed', message: errorText(thrown) })
  await shutDown()
}
