/** A message's content as elements; `press(button)` is called with a pressed button's description. */
export function render(msgType, content, press) {
  const parsed = JSON.parse(content)
  if (msgType === 'text') return [line(parsed.text)]
  if (msgType === 'post') return postLines(parsed).map(line)
  if (msgType === 'interactive') return card(parsed, press)
  return [line(`[${msgType}] ${content}`)]
}

function postLines(post) {
  const { title, content = [] } = post.content ? post : (Object.values(post)[0] ?? {})
  const rows = content.map((row) => row.map((part) => part.text ?? part.user_name ?? `[${part.tag}]`).join(''))
  return title ? [title, ...rows] : rows
}

function card({ header, elements, body }, press) {
  const title = header?.title?.content
  const shown = (body?.elements ?? elements ?? []).flat().flatMap((element) => cardElement(element, press))
  if (title === undefined) return shown
  const heading = document.createElement('strong')
  heading.textContent = title
  return [heading, ...shown]
}

function cardElement(element, press) {
  if (element.tag === 'button') return [button(element, press)]
  if (element.tag === 'hr') return [document.createElement('hr')]
  const own = element.text?.content ?? element.content ?? element.text
  const inner = [element.elements, element.actions, element.columns].flatMap((list) => list ?? [])
  const shown = inner.flatMap((each) => cardElement(each, press))
  if (typeof own === 'string') return [line(own), ...shown]
  return shown.length > 0 ? shown : [line(`[${element.tag}]`)]
}

function button(element, press) {
  const node = document.createElement('button')
  node.type = 'button'
  node.textContent = element.text?.content ?? 'Button'
  // Schema 2.0 has its value in a behavior, older cards beside the text.
  const callback = element.behaviors?.find(({ type }) => type === 'callback')
  node.addEventListener('click', () => press({ value: callback?.value ?? element.value ?? {}, name: element.name }))
  return node
}

function line(text) {
  const node = document.createElement('div')
  node.textContent = text
  return node
}
