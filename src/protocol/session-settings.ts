/**
 * Settings of every database session. Planning an inbox statement takes longer than running it, so each statement is
 * planned once per connection, perhaps while the tables are empty. Every access has its index: a plan that reads a whole
 * table is never right.
 */
export const SESSION_SETTINGS = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
] as const
