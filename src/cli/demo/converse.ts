import { narrateEntry, narrateRestarts, type Say } from './narrate.ts'
import type { Stage } from './open-stage.ts'

/** Interactive demo: prints how to write to a bot, then all messages. Returns the function that ends it. */
export function converse(stage: Stage, say: Say): () => void {
  const { simulator, server, bots, supervisor, apiToken } = stage
  const [bot] = bots
  say('')
  say('Two supervised bots are connected to a local Feishu. Nothing leaves this machine.')
  say('')
  say(`  Feishu (simulated)   ${simulator.url}`)
  say(`  HTTP API             ${server.url}/api/feishu`)
  say('')
  say('Ask the supervisor:')
  const bearer = `-H 'authorization: Bearer ${apiToken}'`
  for (const path of ['supervisor', 'ws/status', 'bots']) say(`  curl ${bearer} ${server.url}/api/feishu/${path}`)
  say('')
  say('Write to a bot (any chat id will do):')
  for (const { name, appId, chatIds } of bots) {
    const body = JSON.stringify({ appId, chatId: chatIds[0], text: `hello ${name}` })
    say(`  curl -d '${body}' ${simulator.url}/_simulator/messages`)
  }
  say('')
  say('Ctrl-C ends it and removes everything.')
  say('')
  const unfollow = simulator.client.follow((entry) => {
    const line = narrateEntry(entry, stage)
    if (line !== undefined) say(line)
  })
  const unnarrate = narrateRestarts(supervisor, say)
  if (bot !== undefined) {
    void simulator.client.sendText({
      appId: bot.appId,
      chatId: bot.chatIds[0] ?? 'oc_demo',
      text: 'hello, are you there?',
    })
  }
  return () => {
    unfollow()
    unnarrate()
  }
}
