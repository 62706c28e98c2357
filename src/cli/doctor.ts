import { openForAdministration } from '../app/create-feishu-supervisor.ts'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'

const ASK_TIMEOUT_MS = 180_000

/** `doctor`: prints the findings. The exit code is 1 when one of them is an error. */
export async function doctor(
  config: CliConfig,
  { json }: { json?: boolean },
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<number> {
  const findings = await diagnose(config)
  stdout.write(json === true ? `${JSON.stringify(findings)}\n` : findings.map(line).join(''))
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

async function diagnose(config: CliConfig): Promise<readonly Finding[]> {
  const supervisor = openForAdministration(config.options)
  try {
    await supervisor.start()
    return await supervisor.diagnose()
  } catch (thrown) {
    if (!(thrown instanceof FeishuSupervisorError)) throw thrown
    if (thrown.code === 'DATA_DIR_IN_USE') return await askRunning(config, thrown.message)
    const isKey = thrown.code === 'MASTER_KEY_WRONG' || /master key|FS_MASTER_KEY/.test(thrown.message)
    return [{ check: isKey ? 'master_key' : 'database', level: 'error', message: thrown.message }]
  } finally {
    await supervisor.stop(0)
  }
}

/** Asks the process that holds the embedded database to run the checks: only one process can open that database. */
async function askRunning({ host, port, options }: CliConfig, inUse: string): Promise<readonly Finding[]> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/api/feishu/doctor`
  const error = (message: string, mend: string): Finding[] => [{ check: 'database', level: 'error', message, mend }]
  if (options.apiToken === undefined) {
    return error(
      inUse,
      `if that is the running service, give FS_API_TOKEN a token of an admin, and doctor asks it (POST ${url})`,
    )
  }
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.apiToken}` },
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    })
    const body = (await answer.json()) as { findings?: Finding[]; error?: string }
    if (answer.ok && body.findings !== undefined) return body.findings
    return error(
      `${inUse}; asked, it answered ${answer.status}: ${body.error ?? ''}`,
      'give FS_API_TOKEN a token of an admin',
    )
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
    return error(
      `${inUse}; asked at ${url}, it did not answer: ${errorText(cause)}`,
      'set FS_HOST and FS_PORT as it has them',
    )
  }
}

function line({ level, check, name, botId, message, mend }: Finding): string {
  const where = botId === undefined ? '' : `${name ?? botId}: `
  const more = mend === undefined || level === 'ok' ? '' : `\n${' '.repeat(9)}mend: ${mend}`
  return `${level.padEnd(8)} ${where}${check.replace('_', ' ')}: ${message}${more}\n`
}
