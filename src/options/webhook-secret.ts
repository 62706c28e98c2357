/** Checks the form of a Standard Webhooks secret (standardwebhooks.com): `whsec_` and 24 to 64 bytes in base64. */
export function isWebhookSecret(secret: string): boolean {
  const [, key = ''] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(secret) ?? []
  const { length } = Buffer.from(key, 'base64')
  return length >= 24 && length <= 64
}
