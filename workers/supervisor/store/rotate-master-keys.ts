import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import { loadMasterKeys, type MasterKeySource, newMasterKey, writeKeyFile } from '../../../src/store/bots/master-key.ts'
import type { KeyStore } from '../../../src/store/store.ts'

/**
 * Seals all secrets with a new master key and returns the number of resealed bots. The key file holds both keys until
 * all secrets are resealed. So after a crash at any moment the secrets can still be opened, and the next call continues.
 *
 * A key from the configuration is changed by the operator, who puts the new key before the old one. Rejects with
 * `CONFIG_INVALID` when the configuration has only one key.
 */
export async function rotateMasterKeys(store: KeyStore, source: MasterKeySource): Promise<number> {
  const keys = await loadMasterKeys(source)
  if (source.value !== undefined && keys.length < 2) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      'FS_MASTER_KEY: put a new key before the old one, separated by a comma (openssl rand -base64 32 makes one), and run this again',
    )
  }
  // More than one key: an earlier rotation was not finished, or the operator gave a new key.
  const rotated = keys.length > 1 ? keys : [newMasterKey(), ...keys]
  const [current] = rotated
  if (current === undefined) return 0
  if (source.value === undefined) await writeKeyFile(source.keyFile, rotated)
  store.use(current)
  const count = await store.reseal()
  if (source.value === undefined) await writeKeyFile(source.keyFile, [current])
  return count
}
