/** A stored card of schema 2.0. Elements are found by their `element_id` at every depth. */
export type CardJson = { readonly [name: string]: unknown }

type Change = (element: CardJson) => readonly CardJson[]

/** Replaces the element by the elements that `change` returns, also none or several. Undefined if there is no such element. */
export function changeElement(card: CardJson, elementId: string, change: Change): CardJson | undefined {
  let isFound = false
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      return value.flatMap((item: unknown): readonly unknown[] => {
        if (!isElement(item, elementId)) return [visit(item)]
        isFound = true
        return change(item)
      })
    }
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner)]))
  }
  const changed = visit(card) as CardJson
  return isFound ? changed : undefined
}

export function appendElements(card: CardJson, elements: readonly CardJson[]): CardJson {
  const body = (card['body'] ?? {}) as { elements?: readonly CardJson[] }
  return { ...card, body: { ...body, elements: [...(body.elements ?? []), ...elements] } }
}

export function changeSettings(card: CardJson, settings: CardJson): CardJson {
  return { ...card, ...settings, config: { ...configOf(card), ...configOf(settings) } }
}

export function isStreaming(card: CardJson): boolean {
  return configOf(card)['streaming_mode'] === true
}

function configOf(card: CardJson): CardJson {
  return (card['config'] ?? {}) as CardJson
}

function isElement(item: unknown, elementId: string): item is CardJson {
  return typeof item === 'object' && item !== null && 'element_id' in item && item.element_id === elementId
}
