/** Where alerts are posted to, signed as Standard Webhooks (standardwebhooks.com) says. */
export interface AlertOptions {
  /** URL of the webhook, `http` or `https`. Required. */
  readonly url: string
  /** The signing key: `whsec_` and 24 to 64 bytes in base64. Required. */
  readonly secret: string
}
