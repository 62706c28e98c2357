/** What a schema says instead of "unrecognized key" where an unknown key is an older name of an option. */
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
