/** Variable of the command line: it sets an option, or a value that only the command line has. */
export type Variable =
  | { readonly option: string }
  | { readonly meaning: string; readonly defaultsTo: string; readonly unit?: string }

/** FS_ variables, for docs/options.md. `readEnvironment` reads them. */
export const VARIABLES = {
  FS_HOST: {
    meaning: 'Address on which the HTTP API listens. Another than loopback needs `FS_API_TOKEN`.',
    defaultsTo: '`127.0.0.1`',
  },
  FS_PORT: { meaning: 'Port of the HTTP API; 0 takes a free one.', defaultsTo: '3400' },
  FS_DATA_DIR: { option: 'dataDir' },
  FS_DATABASE_URL: { option: 'databaseUrl' },
  FS_MASTER_KEY: { option: 'masterKey' },
  FS_API_TOKEN: { option: 'apiToken' },
  FS_HANDLER: { option: 'handler' },
  FS_HANDLERS: { option: 'handlers' },
  FS_HTTP_URL: { option: 'http.url' },
  FS_HTTP_HISTORY: { option: 'http.history' },
  FS_HTTP_TIMEOUT_MS: { option: 'http.timeoutMs' },
  FS_OPENAI_BASE_URL: { option: 'openai.baseUrl' },
  FS_OPENAI_MODEL: { option: 'openai.model' },
  FS_OPENAI_SYSTEM: { option: 'openai.system' },
  FS_OPENAI_HISTORY: { option: 'openai.history' },
  FS_OPENAI_TIMEOUT_MS: { option: 'openai.timeoutMs' },
  FS_ALLOWED_HOSTS: { option: 'allowedHosts' },
  FS_ALLOWED_DOMAINS: { option: 'allowedDomains' },
  FS_HANDLER_OWNERS: { option: 'handlerOwners' },
  FS_MAX_CONNECTIONS: { option: 'maxConnections' },
  FS_ALERT_URL: { option: 'alerts.url' },
  FS_ALERT_SECRET: { option: 'alerts.secret' },
  FS_MEMORY_ALERT_MB: { option: 'health.memoryMb' },
  FS_CA_FILE: { option: 'connection.caFile' },
  FS_LOG_LEVEL: {
    meaning: 'Least level that is printed: `debug`, `info`, `warn`, `error` or `silent`.',
    defaultsTo: '`info`',
  },
  FS_LOG_FORMAT: { meaning: 'Format of the log: `json` or `text`.', defaultsTo: '`text` on a terminal, else `json`' },
  'FS_SECRET_<name>': { option: 'secrets' },
  HTTPS_PROXY: { option: 'connection.proxy' },
  NO_PROXY: { option: 'connection.noProxy' },
} as const satisfies Readonly<Record<string, Variable>>
