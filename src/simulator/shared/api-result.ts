/** Result of a call. A refusal carries its code and text. */
export type ApiResult<T> = { readonly ok: true; readonly data: T } | Refusal

export interface Refusal {
  readonly ok: false
  readonly code: number
  readonly msg: string
}

export function accepted<T>(data: T): ApiResult<T> {
  return { ok: true, data }
}

export function refused(code: number, msg: string): Refusal {
  return { ok: false, code, msg }
}

/** Unchecked body of a call. */
export type CallBody = Readonly<Record<string, unknown>>
