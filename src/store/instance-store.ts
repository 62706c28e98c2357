/**
 * Supervisor threads that may own work. A lease is a row with an expiry; whoever lets it expire
 * may find its work taken over, and every later write of it changes 0 rows.
 */
export interface InstanceStore {
  /** Creates or prolongs the lease of `id` for `leaseMs`. */
  renew(id: string, leaseMs: number): Promise<void>
  /** Ends the lease at once and frees its work. For an instance that is known to be gone, or for oneself at stop. */
  release(id: string): Promise<void>
  /**
   * Frees the work of every expired instance; `all` of every instance but `self` (embedded: the folder lock proves that
   * they are gone).
   */
  rescue(self: string, all: boolean): Promise<{ rescued: number }>
}
