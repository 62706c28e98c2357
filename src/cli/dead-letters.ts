import { FeishuSupervisorError } from '../core/errors.ts'
import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'
import { withStore } from './admin.ts'

/** `dead-letters list`: one JSON line per dead letter, newest first. */
export async function listDeadLetters(
  { options }: CliConfig,
  flags: { limit?: string; before?: string },
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<void> {
  // With `before`, dead letters of the same instant stay on one page, so that --before skips none.
  const page = {
    ...(flags.limit === undefined ? {} : { limit: wholeNumber('--limit', flags.limit) }),
    before: flags.before === undefined ? Infinity : instant(flags.before),
  }
  await withStore(options, async (supervisor) => {
    const { items } = await supervisor.listDeadLetters(page)
    for (const letter of items) stdout.write(`${JSON.stringify(letter)}\n`)
  })
}

/** `dead-letters resubmit`: puts one dead letter back and prints its id. */
export async function resubmitDeadLetter(
  { options }: CliConfig,
  eventIdText: string,
  flags: { part?: string },
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<void> {
  const letter = {
    eventId: wholeNumber('the event id', eventIdText),
    ...(flags.part === undefined ? {} : { part: wholeNumber('--part', flags.part) }),
  }
  await withStore(options, async (supervisor) => {
    await supervisor.resubmit(letter)
    stdout.write(`${JSON.stringify({ ...letter, resubmitted: true })}\n`)
  })
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new FeishuSupervisorError('CONFIG_INVALID', `${name}: expected a whole number, not ${JSON.stringify(text)}`)
  }
  return Number(text)
}

/** Parses an instant: milliseconds like `endedAt`, fractions included, or a date and time. */
function instant(text: string): number {
  const at = /^\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isFinite(at)) return at
  throw new FeishuSupervisorError(
    'CONFIG_INVALID',
    `--before: expected the endedAt of a dead letter or a time like 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`,
  )
}
