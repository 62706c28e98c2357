import { type ApiResult, accepted, type CallBody, refused } from '../shared/api-result.ts'
import { appendElements, type CardJson, changeElement, changeSettings } from './card-json.ts'

/** One operation of cardkit/v1 on a stored card. [D] */
export type CardChange = (card: CardJson) => ApiResult<CardJson>

/** Sets the full text so far. Clients show the added part being typed. [D] */
export function streamText(elementId: string, content: unknown): CardChange {
  return (card) => {
    if (typeof content !== 'string' || content.length < 1 || content.length > 100_000) {
      return refused(99992402, 'field validation failed: content must have 1 to 100000 characters')
    }
    return changed(
      changeElement(card, elementId, (element) => [{ ...element, content }]),
      elementId,
    )
  }
}

export function replaceCard(data: unknown): CardChange {
  return () => readJson(data, 'card.data')
}

export function mergeSettings(settings: unknown): CardChange {
  return (card) => {
    const read = readJson(settings, 'settings')
    return read.ok ? accepted(changeSettings(card, read.data)) : read
  }
}

export function addElements({ type, target_element_id: target, elements }: CallBody): CardChange {
  return (card) => {
    const read = readList(elements, 'elements')
    if (!read.ok) return read
    if (typeof target !== 'string' || type === 'append') return accepted(appendElements(card, read.data))
    const place = (element: CardJson): CardJson[] =>
      type === 'insert_before' ? [...read.data, element] : [element, ...read.data]
    return changed(changeElement(card, target, place), target)
  }
}

export function replaceElement(elementId: string, element: unknown): CardChange {
  return (card) => {
    const read = readJson(element, 'element')
    if (!read.ok) return read
    return changed(
      changeElement(card, elementId, () => [{ element_id: elementId, ...read.data }]),
      elementId,
    )
  }
}

export function mergeElement(elementId: string, partial: unknown): CardChange {
  return (card) => {
    const read = readJson(partial, 'partial_element')
    if (!read.ok) return read
    return changed(
      changeElement(card, elementId, (element) => [{ ...element, ...read.data }]),
      elementId,
    )
  }
}

export function deleteElement(elementId: string): CardChange {
  return (card) =>
    changed(
      changeElement(card, elementId, () => []),
      elementId,
    )
}

/** Applies `[{"action": ..., "params": {...}}]`, given as JSON text. All actions apply, or none. */
export function batch(actions: unknown): CardChange {
  return (card) => {
    const read = readList(actions, 'actions')
    if (!read.ok) return read
    let result: ApiResult<CardJson> = accepted(card)
    for (const { action, params } of read.data) {
      for (const change of changesOf(action, (params ?? {}) as CallBody)) {
        if (result.ok) result = change(result.data)
      }
    }
    return result
  }
}

function changesOf(action: unknown, params: CallBody): CardChange[] {
  const elementId = String(params['element_id'])
  switch (action) {
    case 'partial_update_setting':
      return [mergeSettings(params['settings'])]
    case 'add_elements':
      return [addElements(params)]
    case 'update_element':
      return [replaceElement(elementId, params['element'])]
    case 'partial_update_element':
      return [mergeElement(elementId, params['partial_element'])]
    case 'delete_elements':
      return ((params['element_ids'] ?? []) as unknown[]).map((id) => deleteElement(String(id)))
    default:
      return [() => refused(99992402, `field validation failed: unknown action ${String(action)}`)]
  }
}

/** The code for a missing element is assumed. [A] */
function changed(card: CardJson | undefined, elementId: string): ApiResult<CardJson> {
  return card === undefined ? refused(300313, `element ${elementId} is not in the card`) : accepted(card)
}

/** Reads a card, settings or an element. They come as JSON text, inside a batch also as JSON. */
export function readJson(value: unknown, field: string): ApiResult<CardJson> {
  const parsed = typeof value === 'string' ? parse(value) : value
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return accepted(parsed as CardJson)
  return refused(99992402, `field validation failed: ${field} is not a JSON object`)
}

function readList(value: unknown, field: string): ApiResult<CardJson[]> {
  const parsed = typeof value === 'string' ? parse(value) : value
  if (Array.isArray(parsed)) return accepted(parsed as CardJson[])
  return refused(99992402, `field validation failed: ${field} is not a JSON list`)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
