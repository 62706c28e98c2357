import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { launchSimulator } from '../../src/simulator/launch.ts'
import { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { closeLater, newApp } from '../support/simulator.ts'

const run = promisify(execFile)

const launchUrl = new URL('../../dist/simulator/launch.js', import.meta.url).href

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('launchSimulator', () => {
  it('runs a simulator in its own process and ends it', async () => {
    const app = newApp()
    const launched = await launchSimulator({ apps: [app] })
    closeLater(() => launched.stop())
    await launched.client.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    expect(await launched.client.summary()).toMatchObject({ sent: 1 })
    expect(launched.pid).not.toBe(process.pid)
    await launched.stop()
    await launched.stop()
    expect(isAlive(launched.pid)).toBe(false)
  })

  it('says why a simulator does not start', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    closeLater(() => blocker.close())
    await once(blocker, 'listening')
    const { port } = blocker.address() as { port: number }
    await expect(launchSimulator({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`)
    await expect(launchSimulator({ apps: [{ ...newApp(), appId: 'cli_1' }] })).rejects.toThrow('16 hex digits')
  })

  it('lets a driver end by itself after a stop, whose idle sockets keep nothing alive', async () => {
    const script = `
      const { launchSimulator } = await import(${JSON.stringify(launchUrl)})
      const { client, stop, pid } = await launchSimulator()
      await client.summary()
      await client.history()
      await stop()
      console.log(pid)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 })
    expect(isAlive(Number(stdout))).toBe(false)
  })

  it('ends with a parent that is killed', async () => {
    const script = `
      const { launchSimulator } = await import(${JSON.stringify(launchUrl)})
      const { url } = await launchSimulator()
      console.log(url)
      process.kill(process.pid, 'SIGKILL')`
    const killed = await run(process.execPath, ['--input-type=module', '-e', script]).catch((error: unknown) => error)
    const { stdout, signal } = killed as { stdout: string; signal: string }
    expect(signal).toBe('SIGKILL')
    // That the run ended says that the simulator is gone too: it shares the output of its parent.
    await expect(fetch(stdout.trim())).rejects.toThrow('fetch failed')
  })
})

describe('an idle client', () => {
  it('lets its process end while the simulator goes on', async () => {
    const simulator = new FeishuSimulator()
    closeLater(() => simulator.stop())
    const { url } = await simulator.start()
    const clientUrl = new URL('../../dist/simulator/control/client.js', import.meta.url).href
    const script = `
      const { SimulatorClient } = await import(${JSON.stringify(clientUrl)})
      console.log((await new SimulatorClient(${JSON.stringify(url)}).summary()).sent)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 5000 })
    expect(stdout.trim()).toBe('0')
  })
})

describe('FeishuSimulator', () => {
  it.each<[string, object]>([
    ['timescale', { timescale: 0.1 }],
    ['limits.perchat', { limits: { perchat: 1 } }],
    ['assumptions.lateAcks', { assumptions: { lateAcks: 'counts' } }],
    ['clientConfig.pingInterval', { clientConfig: { pingInterval: 1 } }],
  ])('refuses the unknown option %s by name, in a process of its own too', async (name, options) => {
    const error = { code: 'CONFIG_INVALID', message: expect.stringContaining(`${name}: unknown option; known are `) }
    expect(() => new FeishuSimulator(options)).toThrow(expect.objectContaining(error))
    await expect(launchSimulator(options)).rejects.toMatchObject(error)
  })

  it('stops twice and without a start', async () => {
    await new FeishuSimulator().stop()
    const simulator = new FeishuSimulator()
    await simulator.start()
    await simulator.stop()
    await simulator.stop()
    await expect(simulator.start()).rejects.toThrow('simulator is stopped already')
  })
})
