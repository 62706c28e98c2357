/** What a worker may print, characters; the rest is dropped. */
export const PRINTS_PER_SECOND = 65_536

/** What a worker may log, lines; the rest is dropped. Thousands of refused events are not its fault. */
export const LOGS_PER_SECOND = 1_000

/** What a worker may tell in all; one that exceeds it would keep the supervisor from everything else. */
export const SIGNALS_PER_SECOND = 50_000
