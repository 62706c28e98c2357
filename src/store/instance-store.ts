/**
 * Supervisor threads that may own work. A lease is a row with an expiry. When a lease expires, another instance may
 * take over the work, and every later write of the former owner changes 0 rows.
 */
export interface InstanceStore {
  /** Creates or prolongs the lease of `id` for `leaseMs`. */
  renew(id: string, leaseMs: number): Promise<void>
  /**
   * Ends the lease at once and frees its work. For an instance that is known to be gone, or for this one at its stop.
   */
  release(id: string): Promise<void>
  /**
   * Frees the work of every expired instance. With `all`, of every instance except `self` (embedded database: the
   * folder lock proves that they are gone). `rescued` is the number of freed lanes.
   */
  rescue(self: string, all: boolean): Promise<{ rescued: number }>
}
