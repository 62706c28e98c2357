import { isIP } from 'node:net'
import { bareHost } from './bare-host.ts'

/**
 * Whether a host is reached without the proxy. Entries are as in NO_PROXY: `*`, a host, which stands for
 * its subdomains too (a leading dot or `*.` says the same), each with or without `:port`. Loopback is never
 * asked of a proxy, which would take it for its own.
 */
export function isDirect(url: URL, noProxy: readonly string[]): boolean {
  const host = bareHost(url).toLowerCase()
  if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return true
  const port = url.port === '' ? (/^(https|wss):$/.test(url.protocol) ? '443' : '80') : url.port
  return noProxy.some((entry) => {
    if (entry === '*') return true
    const [, name = '', entryPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? []
    if (entryPort !== undefined && entryPort !== port) return false
    const wanted = name.toLowerCase().replace(/^\*?\./, '')
    return wanted !== '' && (host === wanted || host.endsWith(`.${wanted}`))
  })
}
