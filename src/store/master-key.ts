import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FeishuSupervisorError, errorText } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'

const KEY_BYTES = 32

export interface MasterKeySource {
  /** 32 bytes in base64. Takes precedence over the file. */
  readonly value?: string
  /** Made with a new key, readable by its owner only, if it does not exist. */
  readonly keyFile: string
}

/** The key that seals every secret in the database, in base64. */
export async function loadMasterKey({ value, keyFile }: MasterKeySource): Promise<Secret> {
  if (value !== undefined) return toSecret(value, 'FS_MASTER_KEY')
  try {
    if (!(await exists(keyFile))) await createKeyFile(keyFile)
    await refuseSharedFile(keyFile)
    return toSecret((await readFile(keyFile, 'utf8')).trim(), `the master key file ${keyFile}`)
  } catch (thrown) {
    if (thrown instanceof FeishuSupervisorError) throw thrown
    throw new FeishuSupervisorError(
      'DATA_DIR_UNUSABLE',
      `the master key file ${keyFile} cannot be used (${errorText(thrown)}): make its folder writable, or set FS_MASTER_KEY`,
      { cause: thrown },
    )
  }
}

/** The bytes of a key in base64 or base64url. The message never repeats the value. */
export function masterKeyBytes(value: string, source: string): Buffer {
  const bytes = Buffer.from(value, 'base64')
  if (!/^[\w+/-]{43}=?$/.test(value) || bytes.length !== KEY_BYTES) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `${source} is not ${KEY_BYTES} bytes in base64 (44 characters); FS_MASTER_KEY takes the output of: openssl rand -base64 ${KEY_BYTES}`,
    )
  }
  return bytes
}

function toSecret(value: string, source: string): Secret {
  return new Secret(masterKeyBytes(value, source).toString('base64'))
}

/**
 * The file appears complete or not at all, and the first of two starters wins: link() fails if the
 * name is taken. It is on disk before any secret is sealed with it.
 */
async function createKeyFile(keyFile: string): Promise<void> {
  await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 })
  const draft = `${keyFile}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`)
    await file.sync()
    await link(draft, keyFile).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown
    })
    await syncFolder(dirname(keyFile))
  } finally {
    await file.close()
    await unlink(draft)
  }
}

/** Makes the new name survive a power loss; Windows has no such call on a folder. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function refuseSharedFile(keyFile: string): Promise<void> {
  const { mode } = await stat(keyFile)
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  throw new FeishuSupervisorError(
    'CONFIG_INVALID',
    `the master key file ${keyFile} can be read by others (mode ${(mode & 0o777).toString(8)}): run chmod 600 on it, ` +
      'or set FS_MASTER_KEY',
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return false
      throw thrown
    },
  )
}
