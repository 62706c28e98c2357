import { type ApiResult, accepted, refused } from '../shared/api-result.ts'

const MAX_ELEMENTS = 200
const MAX_TABLES = 5

/**
 * Checks a card. 230099 for an invalid or too large card: at most 200 elements and 5 tables [D, F]. The sub-code is in
 * the text, as the platform writes it [D]. A template or a stored card is accepted unchecked.
 */
export function checkCard(content: string): ApiResult<object> {
  const card: unknown = JSON.parse(content)
  if (typeof card !== 'object' || card === null || Array.isArray(card)) return invalid(200621, 'parse card json err')
  const tags = tagsOf(card)
  if (tags.length > MAX_ELEMENTS) return invalid(11310, 'card element number over limit')
  if (tags.filter((tag) => tag === 'table').length > MAX_TABLES) return invalid(11310, 'card table number over limit')
  return accepted(card)
}

/** The tags of all elements, nested elements included. */
function tagsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = 'tag' in value && typeof value.tag === 'string' ? [value.tag] : []
  return [...own, ...Object.values(value).flatMap(tagsOf)]
}

function invalid(subCode: number, text: string): ApiResult<object> {
  return refused(230099, `Failed to create card content, ext=ErrCode: ${subCode}; ErrMsg: ${text};`)
}
