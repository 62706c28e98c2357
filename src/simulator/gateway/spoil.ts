import { randomBytes } from 'node:crypto'
import { assertNever } from '../../core/assert-never.ts'
import type { Spoiling } from '../faults/fault.ts'
import { encodeFrame, type Frame } from './frame.ts'

/** Returns the messages to send instead of one frame. */
export function spoil(frame: Frame, how: Exclude<Spoiling['how'], 'late'>): readonly (Uint8Array | string)[] {
  const whole = encodeFrame(frame)
  switch (how) {
    case 'lost':
      return []
    case 'twice':
      return [whole, whole]
    case 'garbage':
      // 0xff starts a field number that no frame has, and the bytes end inside it.
      return [Buffer.concat([Buffer.of(0xff, 0xff), randomBytes(16)])]
    case 'text':
      return [Buffer.from(frame.payload).toString()]
    case 'bad_json':
      return [encodeFrame({ ...frame, payload: Buffer.concat([frame.payload, Buffer.from('{')]) })]
    case 'empty':
      return [encodeFrame({ ...frame, payload: Buffer.of() })]
    case 'no_fields':
      return [encodeFrame({ ...frame, payload: Buffer.from('{}') })]
    case 'no_log_id':
      return [withoutLogId(whole)]
    case 'no_sum':
      return [encodeFrame({ ...frame, headers: frame.headers.filter(([key]) => key !== 'sum' && key !== 'seq') })]
    default:
      return assertNever(how)
  }
}

/** Removes field 2, which follows field 1. Both are a tag byte and a number in base 128. */
function withoutLogId(bytes: Uint8Array): Uint8Array {
  const start = endOfNumber(bytes, 1)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(endOfNumber(bytes, start + 1))])
}

function endOfNumber(bytes: Uint8Array, from: number): number {
  return from + bytes.subarray(from).findIndex((byte) => byte < 128) + 1
}
