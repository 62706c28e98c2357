import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { Recorder } from './recorder.ts'
import { closeLater } from './simulator.ts'

export interface ProxySettings {
  /** Ports by `host:port`. */
  readonly hosts?: Readonly<Record<string, number>>
  readonly credentials?: string
  /** Every CONNECT is refused with it. */
  readonly status?: number
  readonly isSilent?: boolean
}

type ProxyNotice = { kind: 'listening'; port: number } | { kind: 'connect'; target: string } | { kind: 'closed' }

/** An HTTP proxy in a process of its own, until the end of the test. */
export async function startProxy(settings: ProxySettings) {
  const child = fork(resolve('test/fixtures/connect-proxy.mjs'), [JSON.stringify(settings)], { execArgv: [] })
  const notices = new Recorder<ProxyNotice>()
  child.on('message', (notice) => notices.add(notice as ProxyNotice))
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  closeLater(stop)
  const { port } = (await notices.next(({ kind }) => kind === 'listening')) as { port: number }
  const targets = () => notices.items.flatMap((one) => (one.kind === 'connect' ? [one.target] : []))
  return { url: `http://127.0.0.1:${port}`, port, notices, targets, stop }
}
