// The server renders and escapes the content. This script fetches it again after every event of the stream.
// The token is kept for this tab and sent as a header, so that no other page can make the browser send it.

const KEY = 'feishu-supervisor-token'
const REDRAW_MS = 500
const RETRY_MS = 3000

/** Path of the API, one folder above this file: a host may mount it at another path than /api/feishu. */
const API = new URL('..', import.meta.url).pathname

const find = (id) => document.getElementById(id)
const [view, live, notice, signIn, signOut] = ['view', 'live', 'notice', 'sign-in', 'sign-out'].map(find)

let lettersPage = 1
let shown
/** Aborted at sign-out. */
let session = new AbortController()
let isRedrawAsked = false

async function call(path, init) {
  const token = sessionStorage.getItem(KEY)
  const headers = { ...init?.headers, ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(path.replace(/^\/api\/feishu\//, API), { ...init, headers })
  if (answer.ok) return answer
  const { error } = await answer.json().catch(() => ({}))
  throw Object.assign(new Error(error ?? `HTTP status ${answer.status}`), { status: answer.status })
}

async function draw() {
  const { signal } = session
  const answer = await call(`/api/feishu/page/view?letters=${lettersPage}`, { signal })
  const html = await answer.text()
  if (html === shown || signal.aborted) return
  shown = html
  const open = [...view.querySelectorAll('details[open]')].map(({ id }) => id)
  const focused = document.activeElement?.id
  view.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes)
  for (const id of open) find(id)?.setAttribute('open', '')
  if (focused) find(focused)?.focus({ preventScroll: true })
  showTimes()
}

function drawSoon() {
  if (isRedrawAsked) return
  isRedrawAsked = true
  setTimeout(() => {
    isRedrawAsked = false
    // The same error ends the stream, and `follow` shows it.
    draw().catch(() => {})
  }, REDRAW_MS)
}

async function follow() {
  signOut.hidden = sessionStorage.getItem(KEY) === null
  signIn.hidden = true
  session = new AbortController()
  const { signal } = session
  while (!signal.aborted) {
    try {
      await draw()
      const { body } = await call('/api/feishu/events', { signal })
      live.textContent = 'live'
      const reader = body.getReader()
      // Events and pulses both cause a redraw.
      while (!(await reader.read()).done) drawSoon()
      live.textContent = 'connecting…'
    } catch (thrown) {
      if (signal.aborted) return
      if (thrown.status === 401) {
        if (sessionStorage.getItem(KEY) !== null) notify('This token is not valid, or not any more.')
        return askForToken()
      }
      live.textContent = `not live: ${thrown.message}`
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function askForToken() {
  session.abort()
  sessionStorage.removeItem(KEY)
  shown = undefined
  view.replaceChildren()
  live.textContent = ''
  signOut.hidden = true
  signIn.hidden = false
  find('token').focus()
}

function showTimes() {
  for (const time of view.querySelectorAll('time')) {
    const at = new Date(time.dateTime)
    time.textContent = distance(at - Date.now())
    time.title = at.toLocaleString()
  }
}

function distance(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000)
  const [count, unit] =
    seconds < 100
      ? [seconds, 's']
      : seconds < 6000
        ? [Math.round(seconds / 60), 'min']
        : seconds < 172_800
          ? [Math.round(seconds / 3600), 'h']
          : [Math.round(seconds / 86_400), 'days']
  return ms > 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`
}

let forget
function notify(line) {
  notice.textContent = line
  clearTimeout(forget)
  forget = setTimeout(() => notice.replaceChildren(), 8000)
}

signIn.addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem(KEY, find('token').value.trim())
  find('token').value = ''
  void follow()
})

signOut.addEventListener('click', askForToken)

async function press(button) {
  const { order, body, letters } = button.dataset
  button.disabled = true
  try {
    if (letters !== undefined) lettersPage = Number(letters)
    else {
      await call(order, { method: 'POST', ...(body && { body, headers: { 'content-type': 'application/json' } }) })
      notify(button.title)
    }
    await draw()
  } catch (thrown) {
    notify(thrown.message)
  } finally {
    button.disabled = false
  }
}

view.addEventListener('click', ({ target }) => {
  const button = target.closest('button')
  if (button !== null) void press(button)
})

setInterval(showTimes, 1000)
void follow()
