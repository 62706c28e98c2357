/** A held lock of the data folder. */
export interface DataDirLock {
  release(): Promise<void>
}

/** Result of one try. `heldBy` is the holder's pid, undefined if the holder does not answer with it. */
export type LockTry = { readonly lock: DataDirLock } | { readonly heldBy: number | undefined }
