import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'

/** Reads a file of PEM certificates. Throws `CONFIG_INVALID`. */
export function readCertificates(caFile: string): string {
  const path = resolve(caFile)
  try {
    const pem = readFileSync(path, 'utf8')
    // Node silently ignores certificates that it cannot read, and later refuses the servers that use them.
    void new X509Certificate(pem)
    return pem
  } catch (thrown) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `connection.caFile: ${path} is no file of PEM certificates: ${errorText(thrown)}`,
    )
  }
}
