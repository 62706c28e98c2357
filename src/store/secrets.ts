import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { FeishuSupervisorError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import { masterKeyBytes } from './master-key.ts'

const VERSION = 'v1'
const IV_BYTES = 12

/** Where a secret is stored. It is part of what is authenticated: a record copied to another row does not open. */
export interface SealedPlace {
  readonly table: string
  readonly column: string
  readonly rowId: string
}

/**
 * Seals secrets with AES-256-GCM as `v1.<key id>.<iv>.<tag>.<ciphertext>`, each part base64url. The
 * key id tells a wrong key from a damaged record.
 */
export class SecretBox {
  readonly #key: KeyObject
  readonly #keyId: string

  constructor(masterKey: Secret) {
    const bytes = masterKeyBytes(masterKey.reveal(), 'FS_MASTER_KEY')
    this.#key = createSecretKey(bytes)
    this.#keyId = createHash('sha256').update(bytes).digest().subarray(0, 6).toString('base64url')
  }

  seal(secret: Secret, place: SealedPlace): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(associatedData(place))
    const ciphertext = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()])
    const parts = [iv, cipher.getAuthTag(), ciphertext].map((part) => part.toString('base64url'))
    return [VERSION, this.#keyId, ...parts].join('.')
  }

  open(record: string, place: SealedPlace): Secret {
    const [version, keyId, ...parts] = record.split('.')
    const [iv, tag, ciphertext] = parts.map((part) => Buffer.from(part, 'base64url'))
    const at = `${place.table}.${place.column} of ${place.rowId}`
    if (version === VERSION && keyId !== this.#keyId) {
      throw new FeishuSupervisorError(
        'MASTER_KEY_WRONG',
        `the secret in ${at} was sealed with another master key (${keyId}, this one is ${this.#keyId}): ` +
          'start with the key it was sealed with (FS_MASTER_KEY or the key file), or enter the secret again',
      )
    }
    try {
      if (version !== VERSION || parts.length !== 3 || !iv || tag?.length !== 16 || !ciphertext)
        throw new Error('format')
      const decipher = createDecipheriv('aes-256-gcm', this.#key, iv, { authTagLength: 16 })
      decipher.setAAD(associatedData(place)).setAuthTag(tag)
      return new Secret(Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8'))
    } catch (thrown) {
      throw new FeishuSupervisorError(
        'MASTER_KEY_WRONG',
        `the secret in ${at} is damaged or belongs to another row: restore it from a backup, or enter the secret again`,
        { cause: thrown },
      )
    }
  }
}

function associatedData({ table, column, rowId }: SealedPlace): Buffer {
  return Buffer.from([table, column, rowId, VERSION].join('|'), 'utf8')
}
