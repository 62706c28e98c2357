const HIDDEN = '***'

/** Names of fields that hold a credential in any object, Feishu's spellings included. */
const SECRET_FIELD =
  /(secret|token|password|authorization|ticket|access_key|accesskey|assertion|encrypt_?key|master_?key)/i

/**
 * Matches the same fields inside text: JSON (also JSON inside JSON), query strings, header lines, Bearer values and
 * URLs with a password. No unbounded pattern stands before a keyword: the time must stay linear in texts from the
 * network.
 */
const SECRET_IN_TEXT =
  /((?:secret|token|password|ticket|access_key|assertion|encrypt_?key|master_?key)[\w-]{0,64}\\*["']?\s*[:=]\s*\\*["']?)([^\s"'&,}\\]+)|(bearer\s+)([\w.~+/=-]+)|(:\/\/[^\s:/@]*:)([^\s/@]+)(?=@)/gi

const hiddenValues = new Set<string>()

/** Hides these values in all later texts of this thread. */
export function hideValues(values: Iterable<string>): void {
  for (const value of values) hiddenValues.add(value).add(encodeURIComponent(value))
}

/** Longer texts are cut: text from outside may have any length. */
const MAX_CHARACTERS = 16_384

/** Hides credentials inside a text, e.g. a URL with a ticket or a printed request. */
export function redactText(text: string): string {
  let shown = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}… (${text.length} characters)` : text
  for (const value of hiddenValues) shown = shown.replaceAll(value, HIDDEN)
  return shown.replace(
    SECRET_IN_TEXT,
    (_all, field: string | undefined, _value, bearer: string | undefined, _token, url: string | undefined) =>
      `${field ?? bearer ?? url}${HIDDEN}`,
  )
}

/** Copies plain data with credentials hidden. Values below level 6 become `[deep]`. */
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
