/**
 * Reads the parts of a multipart/form-data body by name, as bytes. The Node SDK sends a Buffer without a file name [R];
 * the parser of fetch would read such a part as text and damage it.
 */
export function parseMultipart(contentType: string, body: Buffer): ReadonlyMap<string, Buffer> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  const parts = new Map<string, Buffer>()
  if (boundary === undefined) return parts
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  // With a line end in front, the first delimiter has the same form as the others.
  const bytes = Buffer.concat([Buffer.from('\r\n'), body])
  let start = bytes.indexOf(delimiter)
  while (start >= 0) {
    const end = bytes.indexOf(delimiter, start + delimiter.length)
    if (end < 0) return parts
    const part = bytes.subarray(start + delimiter.length + 2, end)
    const head = part.indexOf('\r\n\r\n')
    const name = /\bname="([^"]*)"/i.exec(part.subarray(0, Math.max(0, head)).toString())?.[1]
    if (name !== undefined) parts.set(name, part.subarray(head + 4))
    start = end
  }
  return parts
}
