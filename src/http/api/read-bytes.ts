import { RequestRefused } from './problem.ts'

/** Reads the body as raw bytes: at most `maxBytes` in memory, for at most `timeoutMs` milliseconds. */
export async function readBytes(request: Request, maxBytes: number, timeoutMs: number): Promise<Uint8Array> {
  const tooLarge = new RequestRefused(413, `expected a body of at most ${maxBytes} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge
  if (request.body === null) return new Uint8Array()
  const reader = request.body.getReader()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    void reader.cancel().catch(() => {})
  }, timeoutMs)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      size += read.value.length
      if (size > maxBytes) throw tooLarge
      chunks.push(read.value)
    }
  } catch (thrown) {
    if (thrown instanceof RequestRefused) throw thrown
    // The sender closed the connection. This is not a failure of the server.
    throw new RequestRefused(400, 'the body ended before it was complete')
  } finally {
    clearTimeout(timer)
    void reader.cancel().catch(() => {})
  }
  if (isLate) throw new RequestRefused(408, `the body took longer than ${timeoutMs} ms`)
  return Buffer.concat(chunks)
}
