/** Merges `change` into `old`. A field that is null in `change` is removed. */
export function merged<Fields extends object>(
  old: Fields,
  change: { readonly [Field in keyof Fields]?: Fields[Field] | null | undefined } = {},
): Fields {
  const fields = Object.entries({ ...old, ...change }).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(fields) as Fields
}
