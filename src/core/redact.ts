const HIDDEN = '***'

/** Fields whose value is a credential wherever they appear (Feishu's spellings included). */
const SECRET_FIELD =
  /(secret|token|password|authorization|ticket|access_key|accesskey|assertion|encrypt_?key|master_?key)/i

/** The same fields inside text: JSON, query strings, header lines and Bearer values. */
const SECRET_IN_TEXT =
  /((?:[\w-]*(?:secret|token|password|ticket|access_key|assertion|encrypt_?key|master_?key)[\w-]*)["']?\s*[:=]\s*["']?)([^\s"'&,}]+)|(bearer\s+)([\w.~+/=-]+)/gi

/** Hides credentials inside a text, e.g. a URL with a ticket or a printed request. */
export function redactText(text: string): string {
  return text.replace(
    SECRET_IN_TEXT,
    (_all, field: string | undefined, _value, bearer: string | undefined) => `${field ?? bearer}${HIDDEN}`,
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
