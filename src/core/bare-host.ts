/** The host of a URL for a socket: an IPv6 address loses its brackets. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
