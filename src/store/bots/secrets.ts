import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { Secret } from '../../core/log/secret.ts'
import { masterKeyBytes } from './master-key.ts'

const VERSION = 'v2'
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/**
 * Where a secret is stored, and its owner. The context is authenticated: a record copied to another row does not open.
 */
export interface SealContext {
  readonly table: string
  readonly column: string
  readonly rowId: string
  readonly owner: string
}

/**
 * Seals secrets with AES-256-GCM as `v2.<key id>.<data key>.<ciphertext>`. Every record has its own data key, which the
 * master key wraps. The key id selects the master key that opens a record. It also separates a wrong master key from a
 * damaged record.
 */
export class SecretBox {
  readonly #keys = new Map<string, KeyObject>()
  #currentId = ''

  /** The first key seals. All keys open. */
  constructor(...masterKeys: readonly Secret[]) {
    for (const key of masterKeys.toReversed()) this.use(key)
  }

  /** Makes `masterKey` the key that seals from now on. Earlier keys still open. */
  use(masterKey: Secret): void {
    const bytes = masterKeyBytes(masterKey.reveal(), 'FS_MASTER_KEY')
    this.#currentId = createHash('sha256').update(bytes).digest().subarray(0, 6).toString('base64url')
    this.#keys.set(this.#currentId, createSecretKey(bytes))
  }

  seal(secret: Secret, context: SealContext): string {
    const data = associatedData(context)
    const key = createSecretKey(randomBytes(KEY_BYTES))
    const wrapped = encrypt(this.#keys.get(this.#currentId) as KeyObject, key.export(), data)
    return [VERSION, this.#currentId, wrapped, encrypt(key, Buffer.from(secret.reveal(), 'utf8'), data)].join('.')
  }

  /** True when the current key sealed the record. */
  isCurrent(record: string): boolean {
    return record.split('.')[1] === this.#currentId
  }

  open(record: string, context: SealContext): Secret {
    const [version, keyId = '', wrapped = '', sealed = '', ...more] = record.split('.')
    const masterKey = this.#keys.get(keyId)
    const at = `${context.table}.${context.column} of ${context.rowId}`
    if (version === VERSION && masterKey === undefined) {
      throw new FeishuSupervisorError(
        'MASTER_KEY_WRONG',
        `the secret in ${at} was sealed with another master key (${keyId}, this one is ${this.#currentId}): ` +
          'start with the key it was sealed with (FS_MASTER_KEY or the key file), or enter the secret again',
      )
    }
    try {
      if (version !== VERSION || masterKey === undefined || more.length > 0) throw new Error('format')
      const data = associatedData(context)
      const key = createSecretKey(decrypt(masterKey, wrapped, data))
      return new Secret(decrypt(key, sealed, data).toString('utf8'))
    } catch (thrown) {
      throw new FeishuSupervisorError(
        'MASTER_KEY_WRONG',
        `the secret in ${at} is damaged or belongs to another row: restore it from a backup, or enter the secret again`,
        { cause: thrown },
      )
    }
  }
}

/** Encrypts and returns IV, tag and ciphertext in base64url. */
function encrypt(key: KeyObject, plain: Buffer, data: Buffer): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(data)
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext]).toString('base64url')
}

function decrypt(key: KeyObject, text: string, data: Buffer): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length < IV_BYTES + TAG_BYTES) throw new Error('too short')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(data).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}

function associatedData({ table, column, rowId, owner }: SealContext): Buffer {
  return Buffer.from([table, column, rowId, owner, VERSION].join('|'), 'utf8')
}
