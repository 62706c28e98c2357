import { join } from 'node:path'
import { type ErrorRecord, FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { PackagePaths, ResolvedOptions } from '../../../src/protocol/host.ts'
import { loadMasterKeys, type MasterKeySource } from '../../../src/store/bots/master-key.ts'
import { openPglite } from '../../../src/store/open/open-pglite.ts'
import { openPostgres } from '../../../src/store/open/open-postgres.ts'
import type { Store } from '../../../src/store/store.ts'

/** Opens PostgreSQL when `databaseUrl` is set, else the embedded database. Runs the migrations and checks the master key. */
export async function openStore(
  options: ResolvedOptions,
  { pgliteWorker, migrations: migrationsDir }: PackagePaths,
  log: Logger,
): Promise<Store> {
  const { databaseUrl, dataDir } = options
  const [masterKey, ...olderKeys] = await loadMasterKeys(keySource(options))
  if (masterKey === undefined)
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      'masterKey: there is no key in the option (FS_MASTER_KEY) or the key file',
    )
  const onCrash = ({ message, stack }: ErrorRecord): void =>
    log.error(`the thread of the embedded database ended (${message}); the next statement restarts it`, { stack })
  const keys = { masterKey, olderKeys, migrationsDir }
  const store =
    databaseUrl === undefined
      ? await openPglite({ ...keys, dataDir, workerPath: pgliteWorker, onCrash })
      : await openPostgres({ ...keys, url: databaseUrl })
  try {
    await store.keys.check()
  } catch (thrown) {
    await store.close()
    throw thrown
  }
  return store
}

/** Source of the master key: the option, else the key file. */
export function keySource({ dataDir, masterKey: value }: ResolvedOptions): MasterKeySource {
  return { ...(value === undefined ? {} : { value }), keyFile: join(dataDir, 'master.key') }
}
