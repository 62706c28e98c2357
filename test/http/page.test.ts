import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve } from '../../src/cli/serve.ts'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { type BrowserPage, findChromium, openPage } from '../support/chromium.ts'
import { ADA, addConnected, API_TOKEN, BEN, eventOf } from '../support/system.ts'
import { shared, startedSupervisor } from '../support/http.ts'

const browser = findChromium()
const { file } = shared()
const NASTY = '<img src=x onerror=document.title=1>'

/** Text of the element, or undefined. */
const textOf = (selector: string): string => `document.querySelector(${JSON.stringify(selector)})?.innerText`

describe.skipIf('skip' in browser)('the status page', () => {
  let simulator: LaunchedSimulator
  let supervisor: FeishuSupervisor
  let page: BrowserPage
  let close: () => Promise<void>
  let ada: string
  let url: string

  const signIn = async (token: string): Promise<void> => {
    await page.until(`document.querySelector('#sign-in')?.hidden === false`)
    await page.evaluate(`{
      document.querySelector('#token').value = ${JSON.stringify(token)}
      document.querySelector('#sign-in').requestSubmit()
    }`)
  }
  const click = (id: string): Promise<unknown> => page.evaluate(`document.getElementById('${id}').click()`)

  beforeAll(async () => {
    if ('skip' in browser) return
    simulator = await file.simulator()
    const handler = join(await file.folder(), 'fails-once.mjs')
    // A file is what a retry and the pool's other threads see too.
    const mark = JSON.stringify(join(await file.folder(), 'mended'))
    await writeFile(
      handler,
      `import { existsSync } from 'node:fs'
      export default async (message, ctx) => {
        if (!existsSync(${mark})) throw new Error('${NASTY}')
        await ctx.reply('mended')
      }`,
    )
    supervisor = await startedSupervisor(file, { handler, messages: { threads: 1, maxAttempts: 1 } })
    ada = await addConnected(supervisor, { ...ADA, name: NASTY }, simulator.url)
    await supervisor.addBot({ ...BEN, owner: 'ann', domain: simulator.url, useWebSocket: false })
    const dead = eventOf(supervisor, 'message', ({ stage }) => stage === 'dead')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'help' })
    await dead
    await writeFile(JSON.parse(mark) as string, '')
    const server = await serve(supervisor.fetch, { host: '127.0.0.1', port: 0 })
    file.add(() => server.close())
    url = server.url
    ;({ page, close } = await openPage(browser.path, `${url}/`))
  })
  afterAll(() => close?.())

  it('asks who is there, and shows a stranger nothing', async () => {
    await signIn('no-such-token')
    await page.until(`${textOf('#notice')}.includes('not valid')`)
    expect(await page.evaluate(textOf('#view'))).toBe('')
    // What the refused calls log.
    page.errors.length = 0
  })

  it('shows bots, causes, inbox and dead letters, whatever they are called as text', async () => {
    await signIn(API_TOKEN)
    await page.until(`${textOf(`#${ada} .state`)} === 'connected'`)
    expect(await page.evaluate(textOf(`#${ada} h3`))).toBe(NASTY)
    expect(await page.evaluate(textOf('#figures'))).toMatch(/running[\s\S]*ready[\s\S]*Dead letters\s*1/)
    expect(await page.evaluate(textOf('#view'))).toContain('webhook mode needs the encryptKey')
    expect(await page.evaluate(textOf('[id^=letter-]'))).toContain(NASTY)
    expect(await page.evaluate(`document.querySelectorAll('img').length + document.title`)).toBe('0feishu-supervisor')
  })

  it('follows what happens and gives orders', async () => {
    await click(`disconnect-${ada}`)
    await page.until(`${textOf(`#${ada} .state`)} === 'disconnected'`)
    await click(`connect-${ada}`)
    await page.until(`${textOf(`#${ada} .state`)} === 'connected'`)
    await click(`restart-${ada}`)
    await page.until(`document.querySelector('#${ada}').innerText.includes('last end: shutdown')`)
    // Without any order from the page.
    await page.until(`${textOf(`#${ada} .state`)} === 'connected'`)
    await supervisor.updateBot(ada, { name: 'Ada' })
    await page.until(`${textOf(`#${ada} h3`)} === 'Ada'`)
    await page.evaluate(`document.querySelector('[id^=resubmit-]').click()`)
    await page.until(`document.querySelector('[id^=letter-]') === null`)
    expect(await page.evaluate(textOf('#view'))).toContain('nothing was given up')
  })

  it('fits a phone', async () => {
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 360,
      height: 740,
      deviceScaleFactor: 1,
      mobile: true,
    })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  })

  it('keeps the token in its tab, forgets it when told to, and shows a user his own bots only', async () => {
    expect(await page.evaluate('document.cookie + localStorage.length')).toBe('0')
    await click('sign-out')
    expect(await page.evaluate(`${textOf('#view')} + sessionStorage.length`)).toBe('0')
    const { token } = await supervisor.createToken({ owner: 'ann', scopes: ['read'] })
    await signIn(token)
    await page.until(`${textOf('#view h3')} === 'Ben'`)
    expect(await page.evaluate(`document.querySelectorAll('#view .card, #view button').length`)).toBe(1)
  })

  it('has broken no rule of its own policy', () => {
    expect(page.errors.filter((error) => !error.includes('401'))).toEqual([])
  })
})

it('runs no inline script, in a frame of nobody', async () => {
  const supervisor = file.supervisor({ dataDir: await file.dataDir() })
  for (const path of ['/', '/api/feishu/page', '/api/feishu/page/status.js']) {
    const { status, headers } = await supervisor.fetch(new Request(`http://localhost${path}`))
    expect({ path, status }).toEqual({ path, status: 200 })
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
  }
})
