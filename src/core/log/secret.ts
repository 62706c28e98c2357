import { inspect } from 'node:util'

const HIDDEN = '***'

/**
 * A value that must not be printed. Every way JavaScript has of turning it into text gives `***`;
 * `reveal()` is the one way to the value, and easy to search for.
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

/** The same with its secrets as they are. */
export function revealed<T extends object>(given: T): { [Field in keyof T]: Plain<T[Field]> } {
  const plain = Object.entries(given).map(([field, value]: [string, unknown]) => [
    field,
    value instanceof Secret ? value.reveal() : value,
  ])
  return Object.fromEntries(plain) as { [Field in keyof T]: Plain<T[Field]> }
}

type Plain<Value> = Value extends Secret ? string : Value
