/** A held lock of the data folder. */
export interface DataDirLock {
  release(): Promise<void>
}

/** One try; a holder that does not say who it is has no pid. */
export type LockTry = { readonly lock: DataDirLock } | { readonly heldBy: number | undefined }
