/** The way out of this network. */
export interface NetworkOptions {
  readonly proxy?: string | undefined
  /** Hosts that are reached without it, with their subdomains. */
  readonly noProxy: readonly string[]
  /** PEM certificates that are trusted beside Node's own. */
  readonly ca?: string | undefined
}
