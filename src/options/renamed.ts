/** Error text of a schema for unknown keys: for an old name of an option it gives the new name. */
export function renamed(names: Readonly<Record<string, string>>): {
  error: (issue: { readonly code?: string; readonly keys?: readonly string[] }) => string | undefined
} {
  return {
    error: ({ code, keys = [] }) => {
      if (code !== 'unrecognized_keys' || !keys.some((key) => Object.hasOwn(names, key))) return undefined
      const known = (key: string): boolean => Object.hasOwn(names, key)
      return keys
        .map((key) => (known(key) ? `${key} was renamed to ${names[key]}` : `unknown option ${key}`))
        .join('; ')
    },
  }
}
