import { isIP } from 'node:net'

/**
 * Whether a host is reached without the proxy. Entries are as in NO_PROXY: `*` or a host, each with or without
 * `:port`. A host includes its subdomains; a leading dot or `*.` means the same. Loopback never goes through a proxy:
 * the proxy would use its own loopback.
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

/** The host of a URL for a socket: an IPv6 address loses its brackets. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
