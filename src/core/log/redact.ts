const HIDDEN = '***'

/** Fields whose value is a credential wherever they appear (Feishu's spellings included). */
const SECRET_FIELD =
  /(secret|token|password|authorization|ticket|access_key|accesskey|assertion|encrypt_?key|master_?key)/i

/**
 * The same fields inside text: JSON (also JSON inside JSON), query strings, header lines, Bearer values and URLs
 * with a password. Nothing unbounded stands before a keyword: the time must stay linear in texts from the network.
 */
const SECRET_IN_TEXT =
  /((?:secret|token|password|ticket|access_key|assertion|encrypt_?key|master_?key)[\w-]{0,64}\\*["']?\s*[:=]\s*\\*["']?)([^\s"'&,}\\]+)|(bearer\s+)([\w.~+/=-]+)|(:\/\/[^\s:/@]*:)([^\s/@]+)(?=@)/gi

const hiddenValues = new Set<string>()

/** From now on these values are hidden in this thread wherever they appear. */
export function hideValues(values: Iterable<string>): void {
  for (const value of values) hiddenValues.add(value).add(encodeURIComponent(value))
}

/** Longer texts are cut: what is not our own may be of any length. */
const MOST_CHARACTERS = 16_384

/** Hides credentials inside a text, e.g. a URL with a ticket or a printed request. */
export function redactText(text: string): string {
  let shown = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}… (${text.length} characters)` : text
  for (const value of hiddenValues) shown = shown.replaceAll(value, HIDDEN)
  return shown.replace(
    SECRET_IN_TEXT,
    (_all, field: string | undefined, _value, bearer: string | undefined, _token, url: string | undefined) =>
      `${field ?? bearer ?? url}${HIDDEN}`,
  )
}

/** Copies plain data with credentials hidden; deeper than 6 levels it gives up with a placeholder. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return redactText(value.message)
  if (depth > 6) return '[deep]'
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET_FIELD.test(key) ? HIDDEN : redact(item, depth + 1)]),
  )
}
