import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const WAIT_MS = 20_000

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
]

/** The browser of this machine. Says why if there is none, and throws only if REQUIRE_ALL_SUITES=1 asks for it. */
export function findChromium(): { readonly path: string } | { readonly skip: string } {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const path = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((file) => existsSync(file))
  if (path !== undefined) return { path }
  const skip = `no browser: none of ${NAMES.join(', ')} is installed`
  if (process.env['REQUIRE_ALL_SUITES'] === '1') throw new Error(skip)
  process.stderr.write(`skipped: ${skip}\n`)
  return { skip }
}

/** One page in a headless browser, driven over the DevTools protocol. */
export class BrowserPage {
  readonly #socket: WebSocket
  readonly #answers = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>()
  /** What the page logged as an error, refused scripts and styles among them. */
  readonly errors: string[] = []
  #lastId = 0

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString())
      this.#answers.get(message.id)?.(message)
      this.#answers.delete(message.id)
      if (message.method === 'Log.entryAdded' && message.params.entry.level === 'error') {
        this.errors.push(message.params.entry.text)
      }
      if (message.method === 'Runtime.exceptionThrown') {
        this.errors.push(message.params.exceptionDetails.exception?.description ?? 'an exception')
      }
    })
  }

  async send<T = unknown>(method: string, params: object = {}): Promise<T> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = await new Promise<{ result?: unknown; error?: { message: string } }>((resolve) => {
      this.#answers.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result as T
  }

  /** The value of an expression in the page; a promise is awaited there. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send<{
      result: { value?: unknown }
      exceptionDetails?: { exception?: { description?: string }; text: string }
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails === undefined) return result.value
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
  }

  /** Waits in the page until the expression holds, looking again at every change of the document. */
  async until(expression: string): Promise<void> {
    await this.evaluate(`new Promise((resolve, reject) => {
      const holds = () => Boolean(${expression})
      if (holds()) return resolve()
      const observer = new MutationObserver(() => {
        if (!holds()) return
        observer.disconnect()
        resolve()
      })
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
      setTimeout(() => reject(new Error(${JSON.stringify(expression)} + ' does not hold:\\n' + document.body?.innerText)), ${WAIT_MS})
    })`)
  }
}

/** Opens a URL. `close` ends the browser and removes its profile. */
export async function openPage(path: string, url: string): Promise<{ page: BrowserPage; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'feishu-supervisor-chromium-'))
  const browser = spawn(path, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const close = async (): Promise<void> => {
    if (browser.exitCode === null && browser.signalCode === null) {
      const exited = once(browser, 'exit')
      browser.kill('SIGKILL')
      await exited
    }
    // Its helper processes may still write for a moment.
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  try {
    const origin = await debuggingOrigin(createInterface({ input: browser.stderr }))
    const targets = (await (await fetch(`${origin}/json/list`)).json()) as {
      type: string
      webSocketDebuggerUrl: string
    }[]
    const target = targets.find(({ type }) => type === 'page')
    if (target === undefined) throw new Error('the browser has no page')
    const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false })
    await once(socket, 'open')
    const page = new BrowserPage(socket)
    for (const domain of ['Page', 'Runtime', 'Log']) await page.send(`${domain}.enable`)
    await page.send('Page.navigate', { url })
    return { page, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function debuggingOrigin(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const address = /DevTools listening on ws:\/\/([^/]+)\//.exec(line)?.[1]
    if (address !== undefined) return `http://${address}`
  }
  throw new Error('the browser ended before it listened')
}
