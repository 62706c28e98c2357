import type { ConnectionTrouble, ConnectionTroubleKind } from '../../../src/protocol/model/status.ts'

interface Meaning {
  readonly kind: ConnectionTroubleKind
  readonly mend: string
}

const CREDENTIALS: Meaning = {
  kind: 'credentials',
  mend: 'check the app id and app secret, that the app is published and that long connection is its event subscription mode',
}
const FORBIDDEN: Meaning = {
  kind: 'credentials',
  mend: 'the app is banned or its IP allow-list excludes this host: check the developer console',
}
const LIMIT: Meaning = { kind: 'limit', mend: 'the app has too many connections: stop other clients of this app id' }
const SERVER: Meaning = { kind: 'server', mend: "Feishu's servers have trouble; the bot tries again by itself" }
const CERTIFICATE: Meaning = {
  kind: 'network',
  mend: 'the certificate is not trusted: give the authority that signed it as connection.caFile (FS_CA_FILE)',
}
const PROXY: Meaning = {
  kind: 'network',
  mend: 'check the proxy (connection.proxy, HTTPS_PROXY) and what it allows; the bot tries again by itself',
}
const NETWORK: Meaning = {
  kind: 'network',
  mend: 'the network or Feishu cannot be reached; the bot tries again by itself',
}

/** Matches the codes of Node and OpenSSL for a refused certificate. */
export const CERTIFICATE_CODES = /CERT|^UNABLE_TO_VERIFY/

/**
 * Meanings of Feishu's discovery codes. The Node SDK stops forever at every code except 1000040343. Of these codes only
 * those about credentials need a person.
 */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  '1': SERVER,
  '1000040343': SERVER,
  '1000040344': CREDENTIALS,
  '1000040345': CREDENTIALS,
  '1000040350': LIMIT,
  '403': FORBIDDEN,
  '514': CREDENTIALS,
}

/** Trouble reported by a code in the discovery answer. An unknown code is worth another try. */
export function troubleOfCode(code: number, text: string): ConnectionTrouble {
  return trouble(BY_CODE[String(code)] ?? NETWORK, String(code), text)
}

/** Trouble reported by an HTTP status other than 200 without a Feishu code. */
export function troubleOfStatus(status: number): ConnectionTrouble {
  const meaning =
    status === 401 || status === 400
      ? CREDENTIALS
      : status === 403
        ? FORBIDDEN
        : status >= 500 || status === 429
          ? SERVER
          : NETWORK
  return trouble(meaning, String(status), `HTTP status ${status}`)
}

/** Trouble of an established connection. In one field report the connection limit came as a close frame with that reason. */
export function troubleOfClose(code: number, reason: string): ConnectionTrouble {
  const text = `the connection was closed with code ${code}${reason === '' ? '' : ` (${reason})`}`
  return trouble(/too many conn/i.test(reason) ? LIMIT : NETWORK, 'ECLOSED', text)
}

/**
 * Trouble reported by a refused WebSocket handshake. The reason is in Feishu's headers. Status 514 is a refused ticket
 * (worth a fresh one) unless the authentication code names the connection limit.
 */
export function troubleOfHandshake(status: string, authCode: string | undefined, text: string): ConnectionTrouble {
  const meaning = authCode !== undefined && Object.hasOwn(BY_CODE, authCode) ? BY_CODE[authCode] : undefined
  if (authCode !== undefined && meaning !== undefined) return trouble(meaning, authCode, text)
  return trouble(status === '403' ? FORBIDDEN : NETWORK, status, text)
}

/** Trouble of a handshake refused without Feishu's headers, e.g. by a proxy or a load balancer. */
export function troubleOfUpgrade(status: number): ConnectionTrouble {
  const meaning = status >= 500 || status === 429 ? SERVER : NETWORK
  return trouble(meaning, String(status), 'the WebSocket handshake was refused')
}

export function networkTrouble(code: string, text: string): ConnectionTrouble {
  return trouble(code === 'EPROXY' ? PROXY : CERTIFICATE_CODES.test(code) ? CERTIFICATE : NETWORK, code, text)
}

function trouble({ kind, mend }: Meaning, code: string, text: string): ConnectionTrouble {
  return { kind, code, message: `${text} (${code}): ${mend}` }
}
