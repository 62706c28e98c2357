/**
 * Supervisor threads that may own work. A lease is a row with an expiry. When a lease expires, another instance may
 * take over the work, and every later write of the former owner changes 0 rows.
 */
export interface InstanceStore {
  /**
   * Creates or prolongs the lease of `id` for `leaseMs`. Deaths that were counted for `id` are taken back: it lives.
   * With `isDraining`, stores that the instance stops, so that its end counts as no death. Default: false.
   */
  renew(id: string, leaseMs: number, isDraining?: boolean): Promise<void>
  /** Ends the lease of this instance at its stop and frees its work at once. Counts neither attempts nor a death. */
  release(id: string): Promise<void>
  /**
   * Frees the work of every expired instance and of `superseded`, which is known to be gone. With `all`, of every
   * instance except `self` (embedded database: the folder lock proves that they are gone). `rescued` is the number of
   * freed lanes.
   *
   * The attempts of freed events do not count. Their `deaths` go up by one, unless the instance drained.
   */
  rescue(self: string, all: boolean, superseded?: string): Promise<{ rescued: number }>
}
