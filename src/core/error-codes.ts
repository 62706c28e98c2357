/** What one code says. */
interface ErrorCodeEntry {
  /** Who can mend it. */
  readonly actor: 'developer' | 'operator' | 'supervisor' | 'network' | 'us'
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean
  readonly meaning: string
  /** What to do. */
  readonly mend: string
}

/** Every code this package throws or reports; docs/errors.md is made of it. */
export const ERROR_CODES = {
  CONFIG_INVALID: {
    actor: 'developer',
    retryable: false,
    meaning:
      'An option, a field of a bot or token, or an argument is wrong. The message has one line per mistake, each with the name of the field.',
    mend: 'Correct the named fields.',
  },
  BOT_NOT_FOUND: {
    actor: 'operator',
    retryable: false,
    meaning: 'There is no such bot, or it has no worker because it is disabled or waits for a connection.',
    mend: 'Look at `listBots()` and the status of the bot.',
  },
  BOTS_OWNED_BY_HOST: {
    actor: 'operator',
    retryable: false,
    meaning: 'The bots come from the option `botSource`, and it has no `writer` or `record` for this change.',
    mend: 'Change the bot in your own table, or give the source a `writer`.',
  },
  BOT_SOURCE_FAILED: {
    actor: 'developer',
    retryable: true,
    meaning:
      'Your `botSource` threw, took too long or gave a row that cannot be used. Bots that run go on; the source is read again by itself.',
    mend: 'Correct the source or the row that the message names.',
  },
  BOT_EXISTS: {
    actor: 'operator',
    retryable: false,
    meaning: 'There is a bot with this app id already.',
    mend: 'Change that bot with `updateBot`, or remove it first.',
  },
  CREDENTIALS_REJECTED: {
    actor: 'operator',
    retryable: false,
    meaning: 'Feishu refuses the app id or the app secret of a bot.',
    mend: 'Copy both from the developer console and give the bot the new secret (`updateBot`); it connects at once.',
  },
  DATA_DIR_IN_USE: {
    actor: 'operator',
    retryable: false,
    meaning: 'Another process uses the folder of the embedded database.',
    mend: 'Stop that process, or use another `dataDir` or a PostgreSQL database.',
  },
  DATA_DIR_UNUSABLE: {
    actor: 'operator',
    retryable: false,
    meaning:
      'The folder of the embedded database cannot be created, read or written, or was made by another version of the database.',
    mend: 'Check the path and its rights; the message says what failed.',
  },
  MASTER_KEY_WRONG: {
    actor: 'operator',
    retryable: false,
    meaning: 'The secrets in the database were sealed with another master key.',
    mend: 'Start with the key that sealed them (`masterKey`, or the key file in `dataDir`).',
  },
  PORT_UNAVAILABLE: {
    actor: 'operator',
    retryable: false,
    meaning: 'The command line cannot listen on its address and port.',
    mend: 'Choose another `FS_PORT` or `FS_HOST`, or stop the process that uses the port.',
  },
  HANDLER_UNLOADABLE: {
    actor: 'developer',
    retryable: false,
    meaning: 'A handler module cannot be imported, or its default export is no handler.',
    mend: 'Correct the module; the message has the error of the import.',
  },
  HANDLER_FAILED: {
    actor: 'developer',
    retryable: true,
    meaning: 'A handler threw. The message is tried again, up to `messages.maxAttempts` times.',
    mend: 'Correct the handler, then put dead letters back with `resubmit`.',
  },
  HANDLER_GAVE_UP: {
    actor: 'developer',
    retryable: false,
    meaning: 'A handler threw an error with `retryable: false`. The message is a dead letter.',
    mend: 'Remove the cause, then put the dead letter back with `resubmit`.',
  },
  POOL_THREAD_DIED: {
    actor: 'developer',
    retryable: true,
    meaning:
      'A thread of the chat pool ended while a handler ran: the handler ended it, it used too much memory, or native code failed. It is replaced, and the message is tried again. Or handlers of the bot sit in native code and keep two threads: it gets no further one until one of them ends.',
    mend: 'Look for what ends the thread, or for the call that does not return; memory is limited by `messages.threadMemoryMb`.',
  },
  HANDLER_PROCESS_DIED: {
    actor: 'developer',
    retryable: true,
    meaning:
      'The process that a handler had to itself ended while it ran: the handler ended it, it used too much memory, was killed, or native code failed. A message runs in a process of its own if its handler says so, and when the whole process has died twice with it. It is tried again; after the last attempt it is a dead letter (`crashed_process`).',
    mend: 'Look at how it ended, which the message says; memory is limited by `messages.threadMemoryMb`. Then put the dead letter back with `resubmit`.',
  },
  HANDLER_TIMEOUT: {
    actor: 'developer',
    retryable: true,
    meaning:
      'A handler ran longer than `messages.handlerTimeoutMs`. The run is given up, and the message is tried again.',
    mend: 'Make the handler faster, or raise the limit for all bots or for this one (`limits.handlerTimeoutMs`).',
  },
  STORE_UNAVAILABLE: {
    actor: 'operator',
    retryable: true,
    meaning: 'The database cannot be reached or used now. Events are refused meanwhile, and Feishu sends them again.',
    mend: 'Bring the database back; everything goes on by itself.',
  },
  WORKER_UNREACHABLE: {
    actor: 'supervisor',
    retryable: true,
    meaning: 'The worker of a bot ended, or does not run. It is started again, and its replies are sent then.',
    mend: 'Nothing. If it happens again and again, look at the restarts of the bot.',
  },
  WORKER_STUCK: {
    actor: 'developer',
    retryable: true,
    meaning:
      'Two workers of a bot sit in native code and do not end, so it gets no further one. It is started again by itself when one of them ends.',
    mend: "Find the call that does not return, then restart the process; with `isolation: 'process'` a worker can be ended whatever it does.",
  },
  SUPERVISOR_DOWN: {
    actor: 'supervisor',
    retryable: true,
    meaning:
      'The supervisor thread is not started, ended a moment ago, or is stopped. After a crash it is started again.',
    mend: 'Call again later; after `stop()` call `start()`.',
  },
  MEMORY_EXCEEDED: {
    actor: 'developer',
    retryable: true,
    meaning: 'A worker or a thread of the pool used more memory than it may, and was replaced.',
    mend: 'Look for the leak, or raise `supervision.memoryMb` or `messages.threadMemoryMb`.',
  },
  INTAKE_FULL: {
    actor: 'supervisor',
    retryable: true,
    meaning: 'Too many events wait for the database. The event is refused, and Feishu sends it again.',
    mend: 'Check the database if it lasts: it is too slow for what arrives.',
  },
  DEADLINE_EXCEEDED: {
    actor: 'supervisor',
    retryable: true,
    meaning: 'A thread did not answer in time. Whether the order was carried out is not known.',
    mend: 'Look at the status, then call again.',
  },
  CONNECTION_FAILED: {
    actor: 'network',
    retryable: true,
    meaning: 'Feishu cannot be reached: DNS, TCP, TLS or proxy. It is tried again by itself.',
    mend: 'Check the network, `connection.proxy` and `connection.caFile`; `doctor` names the part that fails.',
  },
  CONNECTION_LIMIT: {
    actor: 'operator',
    retryable: true,
    meaning: 'The instance has as many long connections as `maxConnections` allows.',
    mend: 'Raise `maxConnections`, or disconnect or disable another bot.',
  },
  REPLY_FAILED: {
    actor: 'network',
    retryable: true,
    meaning: 'A reply could not be sent now. It is tried again, up to `messages.maxReplyAttempts` times.',
    mend: "Nothing, unless it becomes a dead letter; the error has Feishu's code.",
  },
  REPLY_REFUSED: {
    actor: 'operator',
    retryable: false,
    meaning:
      'Feishu refuses a reply for good, for example because the bot is not in the chat or lacks a scope. It is a dead letter.',
    mend: "Look at Feishu's code in the message, remove the cause, then `resubmit` the reply.",
  },
  PAYLOAD_TOO_LARGE: {
    actor: 'operator',
    retryable: false,
    meaning: 'An event is larger than `connection.maxPayloadBytes`. The beginning of it is kept as a dead letter.',
    mend: 'Raise the limit if such events are wanted.',
  },
  OUTCOME_UNKNOWN: {
    actor: 'operator',
    retryable: false,
    meaning: 'A reply was sent without an answer, and Feishu could not be asked within its hour. It may be visible.',
    mend: 'Look into the chat; `resubmit` sends the reply again, which may then be there twice.',
  },
  TOKEN_NOT_FOUND: {
    actor: 'operator',
    retryable: false,
    meaning: 'There is no valid API token with this id.',
    mend: 'Look at `listTokens()`.',
  },
  DEAD_LETTER_NOT_FOUND: {
    actor: 'operator',
    retryable: false,
    meaning: 'This event or reply is not a dead letter, or not any more.',
    mend: 'Look at `listDeadLetters()`.',
  },
  MESSAGE_EXPIRED: {
    actor: 'operator',
    retryable: false,
    meaning: 'A message was older than `messages.maxAgeMs` when it could first be handled. It is a dead letter.',
    mend: '`resubmit` it if it should be answered in spite of its age.',
  },
  INTERNAL: {
    actor: 'us',
    retryable: false,
    meaning: 'Something happened that should not: a bug of this package, or an error without a code of its own.',
    mend: 'Report it with the message; the log has more.',
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>
