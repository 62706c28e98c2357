import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exists } from '../../core/files.ts'
import { FeishuSupervisorError, errorText } from '../../core/errors.ts'
import { Secret } from '../../core/log/secret.ts'

const KEY_BYTES = 32

export interface MasterKeySource {
  /** 32 bytes in base64. For a rotation, two keys separated by a comma. Takes precedence over the file. */
  readonly value?: string
  /** Path of the key file. A missing file is created with a new key, readable by its owner only. */
  readonly keyFile: string
}

/**
 * Loads the keys of the database, in base64. The first key seals every secret. The others still open the secrets that
 * they sealed before; there are others only while a rotation is not finished. Rejects with `CONFIG_INVALID` for a bad
 * key or a file that others can read, and with `DATA_DIR_UNUSABLE` when the file cannot be read or written.
 */
export async function loadMasterKeys({ value, keyFile }: MasterKeySource): Promise<readonly Secret[]> {
  if (value !== undefined) return value.split(',').map((one) => toSecret(one.trim(), 'FS_MASTER_KEY'))
  try {
    if (!(await exists(keyFile))) await createKeyFile(keyFile)
    await refuseSharedFile(keyFile)
    const lines = (await readFile(keyFile, 'utf8')).trim().split('\n')
    return lines.map((line) => toSecret(line.trim(), `the master key file ${keyFile}`))
  } catch (thrown) {
    if (thrown instanceof FeishuSupervisorError) throw thrown
    throw new FeishuSupervisorError(
      'DATA_DIR_UNUSABLE',
      `the master key file ${keyFile} cannot be used (${errorText(thrown)}): make its folder writable, or set FS_MASTER_KEY`,
      { cause: thrown },
    )
  }
}

/** Replaces the key file as a whole. A crash leaves the old file or the new one. */
export async function writeKeyFile(keyFile: string, keys: readonly Secret[]): Promise<void> {
  const draft = await writeDraft(keyFile, keys.map((key) => `${key.reveal()}\n`).join(''))
  await rename(draft, keyFile)
  await syncFolder(dirname(keyFile))
}

export function newMasterKey(): Secret {
  return new Secret(randomBytes(KEY_BYTES).toString('base64'))
}

/** Decodes a key in base64 or base64url. Throws `CONFIG_INVALID` for a bad key. The message never repeats the value. */
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
 * Creates the key file. The file appears complete or not at all. The first of two starting processes wins: `link`
 * fails if the name is taken. The file is on disk before any secret is sealed with its key.
 */
async function createKeyFile(keyFile: string): Promise<void> {
  await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 })
  const draft = await writeDraft(keyFile, `${newMasterKey().reveal()}\n`)
  try {
    await link(draft, keyFile).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown
    })
    await syncFolder(dirname(keyFile))
  } finally {
    await unlink(draft)
  }
}

/** Writes a file beside the key file. Its content is on disk when this resolves. */
async function writeDraft(keyFile: string, text: string): Promise<string> {
  const draft = `${keyFile}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  return draft
}

/** Syncs the folder, so that the new name survives a power loss. Windows has no such call on a folder. */
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
