import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import { loadMasterKeys, type MasterKeySource, newMasterKey, writeKeyFile } from '../../../src/store/bots/master-key.ts'
import type { KeyStore } from '../../../src/store/store.ts'

/**
 * Seals all secrets with a new master key. The key file holds the new key and the old one until everything is sealed
 * anew, so a process that dies at any moment leaves what its successor can open; the next call goes on from there.
 *
 * A key that comes from the configuration is the operator's to change: he puts the new one before the old one.
 */
export async function rotateMasterKeys(store: KeyStore, source: MasterKeySource): Promise<number> {
  const keys = await loadMasterKeys(source)
  if (source.value !== undefined && keys.length < 2) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      'FS_MASTER_KEY: put a new key before the old one, separated by a comma (openssl rand -base64 32 makes one), and run this again',
    )
  }
  // More than one in the file: an earlier rotation was not finished.
  const rotated = keys.length > 1 ? keys : [newMasterKey(), ...keys]
  const [current] = rotated
  if (current === undefined) return 0
  if (source.value === undefined) await writeKeyFile(source.keyFile, rotated)
  store.use(current)
  const count = await store.reseal()
  if (source.value === undefined) await writeKeyFile(source.keyFile, [current])
  return count
}
