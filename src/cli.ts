#!/usr/bin/env node
import pino from 'pino'
import { runCli } from './cli/run-cli.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  log: pino.destination({ dest: 2, sync: true }),
  onSignal(listener) {
    for (const signal of SIGNALS) process.on(signal, listener)
    return () => {
      for (const signal of SIGNALS) process.off(signal, listener)
    }
  },
  // `process.exit` waits for threads, and one in native code may never end.
  kill: () => process.kill(process.pid, 'SIGKILL'),
})
