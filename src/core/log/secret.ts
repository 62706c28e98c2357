import { inspect } from 'node:util'

const HIDDEN = '***'

/**
 * A value that must not be printed. Every conversion to text gives `***`.
 * Only `reveal()` returns the value; its uses are easy to search for.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

export function secretOrNull(value: string | null | undefined): Secret | null {
  return value === null || value === undefined ? null : new Secret(value)
}

/** Copies `given` and replaces every `Secret` by its value. */
export function revealed<T extends object>(given: T): { [Field in keyof T]: Plain<T[Field]> } {
  const plain = Object.entries(given).map(([field, value]: [string, unknown]) => [
    field,
    value instanceof Secret ? value.reveal() : value,
  ])
  return Object.fromEntries(plain) as { [Field in keyof T]: Plain<T[Field]> }
}

type Plain<Value> = Value extends Secret ? string : Value
