import { FeishuSupervisorError } from '../../core/errors.ts'

/** Reads the fields of a JSON object. Throws `CONFIG_INVALID` with the name of a wrong field. */
export class ControlFields {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(value: unknown, name = 'the body') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(`${name} must be a JSON object`)
    }
    this.#values = value as Record<string, unknown>
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined
  }

  text(name: string): string {
    const value = this.#values[name]
    if (typeof value !== 'string' || value === '') throw invalid(`${name} must be a non-empty string`)
    return value
  }

  number(name: string): number {
    const value = this.#values[name]
    if (typeof value !== 'number' || value < 0) throw invalid(`${name} must be a number, not below 0`)
    return value
  }

  flag(name: string): boolean {
    const value = this.#values[name]
    if (typeof value !== 'boolean') throw invalid(`${name} must be true or false`)
    return value
  }

  object(name: string): Readonly<Record<string, unknown>> {
    return new ControlFields(this.#values[name], name).#values
  }

  /** Returns any JSON value. */
  value(name: string): unknown {
    return this.#values[name]
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = allowed.find((one) => one === this.#values[name])
    if (value === undefined) throw invalid(`${name} must be one of ${allowed.join(', ')}`)
    return value
  }

  list<T>(name: string, read: (item: ControlFields) => T): T[] {
    const value = this.#values[name]
    if (!Array.isArray(value) || value.length === 0) throw invalid(`${name} must be a non-empty list`)
    return value.map((item, index) => read(new ControlFields(item, `${name}[${index}]`)))
  }

  texts(name: string): string[] {
    const value = this.#values[name]
    if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) return value
    throw invalid(`${name} must be a non-empty list of strings`)
  }

  /** Returns `{ [name]: ... }`, or `{}` if the field is absent, for optional properties. */
  optional<K extends string, T>(name: K, read: (name: K) => T): { [key in K]?: T } {
    return this.has(name) ? ({ [name]: read(name) } as { [key in K]: T }) : {}
  }
}

function invalid(message: string): FeishuSupervisorError {
  return new FeishuSupervisorError('CONFIG_INVALID', message)
}
