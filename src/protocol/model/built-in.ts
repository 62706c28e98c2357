/** The way out of this network. */
export interface NetworkOptions {
  readonly proxy?: string | undefined
  /** Hosts reached without the proxy, subdomains included. */
  readonly noProxy: readonly string[]
  /** PEM certificates trusted in addition to Node's own. */
  readonly ca?: string | undefined
}
