import { join } from 'node:path'
import type { PackagePaths, ResolvedOptions } from '../../src/protocol/host.ts'
import { loadMasterKey } from '../../src/store/master-key.ts'
import { openPglite } from '../../src/store/open-pglite.ts'
import { openPostgres } from '../../src/store/open-postgres.ts'
import type { Store } from '../../src/store/store.ts'

/** Opens PostgreSQL when a URL is given, the embedded database otherwise; migrated either way. */
export async function openStore(
  { databaseUrl, dataDir, masterKey: value }: ResolvedOptions,
  { pgliteWorker, migrations: migrationsDir }: PackagePaths,
): Promise<Store> {
  const masterKey = await loadMasterKey({
    ...(value === undefined ? {} : { value }),
    keyFile: join(dataDir, 'master.key'),
  })
  return databaseUrl === undefined
    ? await openPglite({ dataDir, workerPath: pgliteWorker, migrationsDir, masterKey })
    : await openPostgres({ url: databaseUrl, migrationsDir, masterKey })
}
