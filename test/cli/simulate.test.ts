import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { SimulatorClient } from '../../src/simulator/control/client.ts'
import { Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The long-connection example of the official SDK's README; only the domain is added. */
const README_BOT = (appId: string, appSecret: string, domain: string) => `
import * as Lark from '@larksuiteoapi/node-sdk';

const baseConfig = { appId: '${appId}', appSecret: '${appSecret}', domain: '${domain}' }

const client = new Lark.Client(baseConfig);

const wsClient = new Lark.WSClient({...baseConfig, loggerLevel: Lark.LoggerLevel.info});

wsClient.start({
  eventDispatcher: new Lark.EventDispatcher({}).register({
    'im.message.receive_v1': async (data) => {
      const {
        message: { chat_id, content}
      } = data;
      await client.im.v1.message.create({
        params: {
          receive_id_type: "chat_id"
        },
        data: {
          receive_id: chat_id,
          content: Lark.messageCard.defaultCard({
            title: \`reply: \${JSON.parse(content).text}\`,
            content: 'hello'
          }),
          msg_type: 'interactive'
        }
      });
    }
  })
});
`

/** Everything that matches, from the text that the command prints. */
function printed(stdout: string, pattern: RegExp): string {
  const found = pattern.exec(stdout)?.[1]
  if (found === undefined) throw new Error(`${pattern.source} is not in:\n${stdout}`)
  return found
}

it('serves the example of the SDK with only the domain changed, says what happens, and ends on SIGINT', async () => {
  const simulate = cleanups.cli(['simulate', '--port', '0'])
  await simulate.printed('Ctrl-C ends it')
  const url = printed(simulate.stdout, /listens on (\S+)/)
  const appId = printed(simulate.stdout, /app id (\S+)/)
  const appSecret = printed(simulate.stdout, /app secret (\S+)/)
  const bot = spawn(process.execPath, ['--input-type=module', '-e', README_BOT(appId, appSecret, url)], { cwd: ROOT })
  cleanups.add(async () => {
    if (bot.exitCode !== null || bot.signalCode !== null) return
    bot.kill('SIGKILL')
    await once(bot, 'exit')
  })
  await simulate.printed('Helper: connected')
  const client = new SimulatorClient(url)
  await client.sendText({ appId, chatId: 'oc_1', text: 'are you there?' })
  await simulate.printed('oc_1  Helper -> user: ')
  expect(simulate.stdout).toContain('oc_1  user -> Helper: are you there?')
  const created = (await client.history()).find((entry) => entry.kind === 'message_created')
  expect(created).toMatchObject({ msgType: 'interactive', content: expect.stringContaining('reply: are you there?') })
  simulate.child.kill('SIGINT')
  expect(await simulate.ended).toMatchObject({ code: 0, stderr: '' })
})

it('takes apps, and tells of a bot with a wrong secret', async () => {
  const app = 'cli_00000000000000c3:fake-secret:Cleo: the bot'
  const simulate = cleanups.cli(['simulate', '--port', '0', '--app', app, '--time-scale', '0.01'])
  await simulate.printed('Cleo: the bot  app id cli_00000000000000c3  app secret fake-secret')
  await simulate.printed('Ctrl-C ends it')
  const url = printed(simulate.stdout, /listens on (\S+)/)
  const body = JSON.stringify({ AppID: 'cli_00000000000000c3', AppSecret: 'wrong' })
  expect(await (await fetch(`${url}/callback/ws/endpoint`, { method: 'POST', body })).json()).toMatchObject({
    code: 514,
  })
  await simulate.printed('connection of app "cli_00000000000000c3" refused: code 514')
  simulate.child.kill('SIGTERM')
  expect(await simulate.ended).toMatchObject({ code: 0, stderr: '' })
})

it.each([
  [['--port', 'x'], '--port x: expected a number, 0 to 65535'],
  [['--app', 'cli_00000000000000c3'], 'expected id:secret or id:secret:name'],
  [['--app', 'cli_1:secret'], 'app id must be "cli_" and 16 hex digits, not "cli_1"'],
])('refuses %j', async (flags, message) => {
  const { code, stderr } = await cleanups.command(['simulate', ...flags])
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(message) })
})
