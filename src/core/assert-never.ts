/** Proves at compile time that a union is exhausted; throws if an unknown member arrives at run time. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`)
}
