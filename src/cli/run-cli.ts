import { Command, CommanderError } from 'commander'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import { addBot, type AddBotFlags, listBots } from './bots.ts'
import type { CliContext } from './cli-context.ts'
import { listDeadLetters, resubmitDeadLetter } from './dead-letters.ts'
import { demo } from './demo/demo.ts'
import { doctor } from './doctor.ts'
import { type CliConfig, readEnvironment } from './environment.ts'
import { simulate, type SimulateFlags } from './simulate.ts'
import { rotateKeys } from './admin.ts'
import { start } from './start.ts'
import { createToken, listTokens, revokeToken, type TokenFlags } from './tokens.ts'

/** Runs one command and resolves with the exit code. `argv` is without the program name. Never rejects. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const { stdout, stderr } = context
  let exitCode = 0
  const config = (): CliConfig => readEnvironment(context.env)
  const program = new Command('feishu-supervisor')
    .description(
      'Runs many Feishu (Lark) chat bots in one process: a supervised worker per bot, a durable inbox, one reply across any crash.',
    )
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
  program
    .command('start')
    .description('run the bots of the database until SIGTERM or Ctrl-C')
    .action(() => start(config(), context))
  program
    .command('demo')
    .description('a local Feishu, two bots and the echo handler, in a temporary folder')
    .option('--once', 'play 200 messages with a crash and a blocked host in between, print one JSON line')
    .action(async (options: { once?: boolean }) => {
      exitCode = await demo(config(), { isOnce: options.once === true }, context)
    })
  program
    .command('simulate')
    .description('a local Feishu for a bot of your own, until SIGTERM or Ctrl-C')
    .option('--host <address>', 'it checks no caller: leave it on loopback', '127.0.0.1')
    .option('--port <number>', '0 for any free port', '3500')
    .option('--app <id:secret:name>', 'an app with its bot, as often as wanted; default: one is made up', collect, [])
    .option('--time-scale <factor>', 'multiplies the waits before redeliveries, e.g. 0.01', '1')
    .action((options: SimulateFlags) => simulate(options, context))

  program
    .command('doctor')
    .description('check what the bots need to reach Feishu; exit code 1 if something has to be mended')
    .option('--json', 'print the findings as one JSON array')
    .action(async (options: { json?: boolean }) => {
      exitCode = await doctor(config(), options, context)
    })

  const bots = program.command('bots').description('the bots of the database')
  bots
    .command('add')
    .description('store a bot; a running `start` with the embedded database has to be stopped meanwhile')
    .requiredOption('--app-id <id>', 'cli_ and 16 hexadecimal digits')
    .requiredOption('--app-secret <secret>', 'or - to read it from standard input, out of sight of the process list')
    .option('--name <name>', 'how the bot is called; default: the app id')
    .option('--domain <origin>', 'https://open.feishu.cn (default) or https://open.larksuite.com')
    .option('--handler <name>', 'one of FS_HANDLERS; default: FS_HANDLER')
    .option(
      '--limit <name=number>',
      'different from the options, e.g. inboundPerSecond=5; as often as wanted',
      collect,
      [],
    )
    .option(
      '--policy <name=value>',
      'which messages it answers, e.g. groups=all or users=ou_1,ou_2; as often as wanted',
      collect,
      [],
    )
    .option('--use-web-socket', 'long connection; without it the bot takes webhooks alone')
    .option('--isolation <kind>', 'thread (default) or process: where its worker runs')
    .action((options: AddBotFlags) => addBot(config(), options, context))
  bots
    .command('list')
    .description('print one JSON line per bot')
    .action(() => listBots(config(), context))

  const tokens = program
    .command('tokens')
    .description('bearer tokens of the HTTP API; a `start` with the embedded database has to be stopped meanwhile')
  tokens
    .command('create')
    .description('make a token and print it, this once')
    .requiredOption('--user <name>', 'whom it speaks for: bots belong to users')
    .option('--admin', 'sees the bots of all users, tokens and the audit log')
    .option('--read-only', 'changes nothing')
    .option('--name <text>', 'what it is for')
    .option('--expires-in-days <days>', 'or never; default: 90')
    .action((options: TokenFlags) => createToken(config(), options, context))
  tokens
    .command('list')
    .description('print one JSON line per token, without its secret')
    .action(() => listTokens(config(), context))
  tokens
    .command('revoke <id>')
    .description('refuse a token from now on')
    .action((id: string) => revokeToken(config(), id, context))

  program
    .command('keys')
    .description('the master key that seals the secrets in the database')
    .command('rotate')
    .description('seal all secrets with a new key; every `start` on the database has to be stopped meanwhile')
    .action(() => rotateKeys(config(), context))

  const deadLetters = program
    .command('dead-letters')
    .description(
      'events and replies that were given up; a `start` with the embedded database has to be stopped meanwhile',
    )
  deadLetters
    .command('list')
    .description('print one JSON line per dead letter, newest first, with its payload')
    .option('--limit <count>', 'how many, 1 to 100; default: 20')
    .option('--before <time>', 'only older ones: the endedAt of the last line seen, or a date and time')
    .action((options: { limit?: string; before?: string }) => listDeadLetters(config(), options, context))
  deadLetters
    .command('resubmit <eventId>')
    .description('run an event again, or with --part send one reply of it again')
    .option('--part <number>', 'the part of the dead letter, for a reply')
    .action((eventId: string, options: { part?: string }) => resubmitDeadLetter(config(), eventId, options, context))

  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (thrown) {
    // The parser has printed the error already.
    if (thrown instanceof CommanderError) return thrown.exitCode
    const code = thrown instanceof FeishuSupervisorError ? thrown.code : 'INTERNAL'
    stderr.write(`feishu-supervisor: ${errorText(thrown)}\n(${code})\n`)
    return 1
  }
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}
