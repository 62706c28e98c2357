/**
 * The frame of the long connection written by hand from its description in protobuf, without the code under test:
 * 1 SeqID, 2 LogID, 3 service, 4 method as varints, 5 header {1 key, 2 value}, 8 payload.
 */
export interface HandFrame {
  /** Field numbers that were there. */
  readonly fields: ReadonlySet<number>
  readonly service: number
  readonly method: number
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Buffer
}

export function readFrame(bytes: Buffer): HandFrame {
  const fields = new Set<number>()
  const headers: Record<string, string> = {}
  const numbers = new Map<number, number>()
  let payload: Buffer = Buffer.of()
  for (const { field, number, bytes: value } of readFields(bytes)) {
    fields.add(field)
    if (value === undefined) numbers.set(field, number)
    else if (field === 8) payload = value
    else if (field === 5) {
      const [key, text] = [...readFields(value)].map((part) => String(part.bytes))
      headers[key ?? ''] = text ?? ''
    }
  }
  return { fields, service: numbers.get(3) ?? -1, method: numbers.get(4) ?? -1, headers, payload }
}

/** A frame with SeqID and LogID 0. */
export function writeFrame(service: number, method: number, headers: Record<string, string>, payload = ''): Buffer {
  const parts = [Buffer.of(0x08, 0, 0x10, 0, 0x18), writeNumber(service), Buffer.of(0x20, method)]
  for (const [key, value] of Object.entries(headers)) {
    parts.push(
      writeBytes(0x2a, Buffer.concat([writeBytes(0x0a, Buffer.from(key)), writeBytes(0x12, Buffer.from(value))])),
    )
  }
  if (payload !== '') parts.push(writeBytes(0x42, Buffer.from(payload)))
  return Buffer.concat(parts)
}

function* readFields(bytes: Buffer): Generator<{ field: number; number: number; bytes: Buffer | undefined }> {
  let at = 0
  const readNumber = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError('the frame ends inside a number')
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = readNumber()
    const [field, wire] = [tag >>> 3, tag & 7]
    const number = readNumber()
    if (wire === 0) yield { field, number, bytes: undefined }
    else if (wire === 2) {
      yield { field, number, bytes: bytes.subarray(at, at + number) }
      at += number
    } else throw new RangeError(`wire type ${wire} is not in the description`)
  }
}

function writeNumber(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}

function writeBytes(tag: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag), writeNumber(bytes.length), bytes])
}
