import { describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame, type Frame, headerOf } from '../../src/simulator/gateway/frame.ts'

const frame: Frame = {
  seqId: 7n,
  logId: 1_152_921_504_606_846_977n,
  service: 33_554_678,
  method: 1,
  headers: [
    ['type', 'event'],
    ['message_id', 'm-1'],
    ['message_id', 'second of the same name'],
  ],
  payload: Buffer.from('{"text":"你好"}'),
}

describe('frame', () => {
  it('survives the round trip', () => {
    const decoded = decodeFrame(encodeFrame(frame))
    expect({ ...decoded, payload: Buffer.from(decoded.payload) }).toEqual(frame)
  })

  it.each([0n, 127n, 128n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n])('keeps %s exactly', (id) => {
    const decoded = decodeFrame(encodeFrame({ ...frame, seqId: id, logId: id }))
    expect([decoded.seqId, decoded.logId]).toEqual([id, id])
  })

  it('writes required fields that are 0', () => {
    const bytes = encodeFrame({ seqId: 0n, logId: 0n, service: 0, method: 0, headers: [], payload: Buffer.of() })
    expect([...bytes.subarray(0, 8)]).toEqual([8, 0, 16, 0, 24, 0, 32, 0])
  })

  it.each([
    ['SeqID', [16, 0, 24, 0, 32, 0]],
    ['LogID', [8, 0, 24, 0, 32, 0]],
    ['service', [8, 0, 16, 0, 32, 0]],
    ['method', [8, 0, 16, 0, 24, 0]],
  ])('refuses a frame without %s', (name, bytes) => {
    expect(() => decodeFrame(Uint8Array.from(bytes))).toThrow(`missing required '${name}'`)
  })

  it('refuses truncated bytes', () => {
    expect(() => decodeFrame(encodeFrame(frame).subarray(0, -1))).toThrow(RangeError)
    expect(() => decodeFrame(Uint8Array.of(8, 0x80))).toThrow(RangeError)
  })

  it('skips fields it does not use', () => {
    const logIdNew = [74, 3, 97, 98, 99]
    expect(decodeFrame(Uint8Array.of(...encodeFrame(frame), ...logIdNew)).logId).toBe(frame.logId)
  })

  it('finds headers by name, the first of several', () => {
    expect(headerOf(frame, 'message_id')).toBe('m-1')
    expect(headerOf(frame, 'absent')).toBeUndefined()
  })
})
