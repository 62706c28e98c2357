import protobuf from 'protobufjs/minimal.js'

/**
 * The binary frame of the long connection: protobuf package pbbp2, one frame per WebSocket message. [S, R]
 *
 * SeqID, LogID, service and method are required: a client drops a frame that lacks one, even if its
 * value is 0. payloadEncoding, payloadType and LogIDNew are used by no SDK and are skipped. [S]
 */
export interface Frame {
  readonly seqId: bigint
  readonly logId: bigint
  readonly service: number
  readonly method: number
  /** Headers in wire order. Unknown keys are possible. An acknowledgement must echo all keys. */
  readonly headers: readonly (readonly [key: string, value: string])[]
  readonly payload: Uint8Array
}

/** Values of `method`. [S] */
export const CONTROL = 0
export const DATA = 1

const REQUIRED_FIELDS = { 1: 'SeqID', 2: 'LogID', 3: 'service', 4: 'method' } as const

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = protobuf.Writer.create()
  writer.uint32(tag(1, 0)).uint64(toLong(frame.seqId))
  writer.uint32(tag(2, 0)).uint64(toLong(frame.logId))
  writer.uint32(tag(3, 0)).int32(frame.service)
  writer.uint32(tag(4, 0)).int32(frame.method)
  for (const [key, value] of frame.headers) {
    writer.uint32(tag(5, 2)).fork()
    writer.uint32(tag(1, 2)).string(key).uint32(tag(2, 2)).string(value)
    writer.ldelim()
  }
  writer.uint32(tag(8, 2)).bytes(frame.payload)
  return writer.finish()
}

/** Throws on truncated bytes and on a frame that lacks a required field. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = protobuf.Reader.create(bytes)
  const frame = {
    seqId: 0n,
    logId: 0n,
    service: 0,
    method: 0,
    headers: [] as [string, string][],
    payload: new Uint8Array() as Uint8Array,
  }
  const missing = new Set(Object.keys(REQUIRED_FIELDS).map(Number))
  while (reader.pos < reader.len) {
    const key = reader.uint32()
    const field = key >>> 3
    missing.delete(field)
    if (field === 1) frame.seqId = readUint64(reader)
    else if (field === 2) frame.logId = readUint64(reader)
    else if (field === 3) frame.service = reader.int32()
    else if (field === 4) frame.method = reader.int32()
    else if (field === 5) frame.headers.push(decodeHeader(reader.bytes()))
    else if (field === 8) frame.payload = reader.bytes()
    else reader.skipType(key & 7)
  }
  for (const field of missing) {
    throw new RangeError(`missing required '${REQUIRED_FIELDS[field as keyof typeof REQUIRED_FIELDS]}'`)
  }
  return frame
}

export function headerOf(frame: Frame, key: string): string | undefined {
  return frame.headers.find(([name]) => name === key)?.[1]
}

function decodeHeader(bytes: Uint8Array): [string, string] {
  const reader = protobuf.Reader.create(bytes)
  const header: [string, string] = ['', '']
  while (reader.pos < reader.len) {
    const key = reader.uint32()
    const field = key >>> 3
    if (field === 1 || field === 2) header[field - 1] = reader.string()
    else reader.skipType(key & 7)
  }
  return header
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType
}

// The Feishu SDK switches Long off in the protobufjs module that it shares with us, so this code reads and writes 64 bits
// without Long.
function toLong(value: bigint): Parameters<protobuf.Writer['uint64']>[0] {
  return { low: Number(value & 0xffffffffn), high: Number(value >> 32n), unsigned: true }
}

function readUint64(reader: protobuf.Reader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.buf[reader.pos++]
    if (byte === undefined) throw new RangeError('frame ends inside a number')
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return BigInt.asUintN(64, value)
  }
  throw new RangeError('number of more than 64 bits')
}
