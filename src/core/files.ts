import { stat } from 'node:fs/promises'

/** Whether something is at the path. Rejects where that cannot be known, for want of a permission say. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return false
      throw thrown
    },
  )
}
