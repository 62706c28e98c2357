import { render } from './card.js'

// One person's view of one chat, drawn from the simulator's history. Text of bots only ever becomes textContent.

const find = (id) => document.getElementById(id)
const [bot, user, group, text, messages, toast] = ['bot', 'user', 'group', 'text', 'messages', 'toast'].map(find)

const history = []
const online = new Map()
let chatId = ''

async function call(method, path, body) {
  const answer = await fetch(`/_simulator${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
  const result = await answer.json()
  if (!answer.ok) throw new Error(result.error)
  return result
}

function place() {
  return { appId: bot.value, user: user.value || 'Tom', ...(group.value && { group: group.value }) }
}

async function openChat() {
  const { chatId: opened } = await call('POST', '/page/chat', place())
  chatId = opened
  messages.replaceChildren()
  for (const entry of history) show(entry)
  showConnection()
}

async function follow() {
  const answer = await fetch('/_simulator/history/stream')
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    for (const json of lines) onEntry(JSON.parse(json))
  }
  find('connection').textContent = 'the simulator has ended: reload when it runs again'
}

function onEntry(entry) {
  history.push(entry)
  const count = online.get(entry.appId) ?? 0
  if (entry.kind === 'connection_ready') online.set(entry.appId, count + 1)
  if (entry.kind === 'connection_closed') online.set(entry.appId, Math.max(0, count - 1))
  showConnection()
  show(entry)
}

function showConnection() {
  const count = online.get(bot.value) ?? 0
  find('connection').textContent = count === 0 ? 'not connected' : `connected (${count})`
}

function show(entry) {
  if (entry.appId !== bot.value) return
  switch (entry.kind) {
    case 'sent':
      if (entry.chatId === chatId) addMessage(entry.messageId, 'mine', 'text', JSON.stringify({ text: entry.text }))
      return
    case 'message_created':
      if (entry.chatId === chatId) addMessage(entry.messageId, 'theirs', entry.msgType, entry.content)
      return
    case 'message_updated':
      return setContent(entry.messageId, entry.content)
    case 'message_recalled':
    case 'recalled':
      return find(entry.messageId)?.classList.add('recalled')
    case 'acked':
      return setState(entry.messageId, entry.code === 200 ? 'received' : `answered with ${entry.code}`)
    case 'ack_timeout':
      return setState(entry.messageId, 'not acknowledged in time')
    case 'push_failed':
      return setState(entry.messageId, 'waits: the bot has no connection')
    case 'bot_reacted':
      return setState(entry.messageId, entry.isAdded ? `reaction ${entry.emojiType}` : '')
    case 'connection_ready':
      return addNote('the bot has connected')
    case 'connection_closed':
      return addNote('a connection of the bot has ended')
  }
}

function addMessage(id, side, msgType, content) {
  const item = document.createElement('li')
  item.id = id
  item.className = side
  item.dataset.msgType = msgType
  const box = document.createElement('div')
  box.className = 'content'
  const state = document.createElement('span')
  state.className = 'state'
  item.append(box, state)
  messages.append(item)
  setContent(id, content)
  item.scrollIntoView({ block: 'end' })
}

function setContent(id, content) {
  const item = find(id)
  item
    ?.querySelector('.content')
    .replaceChildren(...render(item.dataset.msgType, content, (pressed) => press(id, pressed)))
}

function setState(id, state) {
  const shown = find(id)?.querySelector('.state')
  if (shown) shown.textContent = state
}

function addNote(note) {
  const item = document.createElement('li')
  item.className = 'note'
  item.textContent = note
  messages.append(item)
}

async function press(messageId, { value, name }) {
  const { shownError, data } = await call('POST', '/cards/click', {
    appId: bot.value,
    chatId,
    messageId,
    value,
    ...(name && { name }),
  })
  notify(shownError === undefined ? (data?.toast?.content ?? '') : `something went wrong: code ${shownError}`)
}

let forget
function notify(line) {
  toast.textContent = line
  clearTimeout(forget)
  forget = setTimeout(() => toast.replaceChildren(), 5000)
}

function orTell(run) {
  return (event) => {
    event.preventDefault()
    run().catch((error) => notify(error.message))
  }
}

find('form').addEventListener(
  'submit',
  orTell(async () => {
    if (text.value === '') return
    const said = text.value
    text.value = ''
    await call('POST', '/page/say', { ...place(), text: said })
  }),
)
find('drop').addEventListener(
  'click',
  orTell(() => call('POST', '/faults', { kind: 'close_connections', appId: bot.value, mode: 'reset' })),
)
for (const input of [bot, user, group]) input.addEventListener('change', orTell(openChat))

for (const { appId, name } of await call('GET', '/apps')) bot.append(new Option(`${name} (${appId})`, appId))
await openChat()
await follow()
