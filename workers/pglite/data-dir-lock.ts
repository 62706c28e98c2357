import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { LockFile } from './lock-file.ts'
import { askHolder, listen } from './lock-listener.ts'
import type { DataDirLock, LockTry } from './lock-try.ts'

/** Time for the previous process to end after a kill. */
const RETRY_FOR_MS = 2_000
const RETRY_EVERY_MS = 50

/**
 * Locks the folder for this thread. PGlite itself would let two processes open the folder and destroy the data.
 *
 * The lock is a listening socket, so it ends with its thread or process in every case. On Linux and Windows its name is
 * made of the folder's device and inode, so that symbolic links and bind mounts give the same name. On Linux names are
 * per network namespace: containers with different namespaces must not share a data folder.
 */
export async function lockDataDir(
  dataDir: string,
  { platform = process.platform, retryForMs = RETRY_FOR_MS }: { platform?: string; retryForMs?: number } = {},
): Promise<DataDirLock> {
  const tryLock = await strategy(dataDir, platform)
  for (const deadline = Date.now() + retryForMs; ; ) {
    const result = await tryLock()
    if ('lock' in result) return result.lock
    if (Date.now() >= deadline) throw inUse(dataDir, result.heldBy)
    await delay(RETRY_EVERY_MS)
  }
}

async function strategy(dataDir: string, platform: string): Promise<() => Promise<LockTry>> {
  const { dev, ino } = await stat(dataDir, { bigint: true })
  const name = `feishu-supervisor-${dev}-${ino}`
  if (platform === 'linux') return () => tryName(`\0${name}`)
  if (platform === 'win32') return () => tryName(`\\\\.\\pipe\\${name}`)
  const file = new LockFile(dataDir)
  return () => file.tryLock()
}

async function tryName(path: string): Promise<LockTry> {
  const lock = await listen({ path }, String(process.pid))
  return lock === undefined ? { heldBy: Number((await askHolder({ path })) ?? NaN) || undefined } : { lock }
}

function inUse(dataDir: string, pid: number | undefined): FeishuSupervisorError {
  const holder = pid === undefined ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`
  return new FeishuSupervisorError(
    'DATA_DIR_IN_USE',
    `the data folder ${dataDir} is in use by ${holder}: stop it, or choose another folder (FS_DATA_DIR)`,
  )
}
