import { access, constants, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { exists } from '../../src/core/files.ts'
import { FeishuSupervisorError, errorText } from '../../src/core/errors.ts'
import { SESSION_SETTINGS } from '../../src/protocol/pglite.ts'

/** Small buffers: the default of 128 MB is resident from the start, and our working set is small. */
const SETTINGS = ['shared_buffers=8MB', ...SESSION_SETTINGS]
const START_PARAMS = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])]

export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (thrown) {
    throw unusable(dataDir, thrown, 'choose a folder this user can write to (FS_DATA_DIR)')
  }
}

/**
 * Opens `<dataDir>/pglite`. Creates it on the first start, which takes seconds. A start that is killed meanwhile leaves
 * the marker; the next start creates the database again instead of failing forever. No data is lost: no statement runs
 * before the marker is removed.
 */
export async function openDatabase(dataDir: string): Promise<PGlite> {
  const path = join(dataDir, 'pglite')
  const marker = join(dataDir, 'pglite.unfinished')
  try {
    if (await exists(marker)) await rm(path, { recursive: true, force: true })
    if (!(await exists(path))) {
      await writeFile(marker, '')
      await mkdir(path, { mode: 0o700 })
    }
    const database = await PGlite.create(`file://${path}`, { startParams: START_PARAMS })
    await rm(marker, { force: true })
    return database
  } catch (thrown) {
    throw unusable(path, thrown, 'restore it from a backup, or move it away to start with an empty database')
  }
}

function unusable(path: string, thrown: unknown, mend: string): FeishuSupervisorError {
  return new FeishuSupervisorError(
    'DATA_DIR_UNUSABLE',
    `the data folder ${path} cannot be used (${errorText(thrown)}): ${mend}`,
    {
      cause: thrown,
    },
  )
}
