import type { FeishuSupervisor } from '../../app/feishu-supervisor.ts'
import type { HistoryEntry } from '../../simulator/history/history.ts'
import type { Output } from '../print-log.ts'

/** Prints one line. */
export type Say = (line: string) => void

export function sayTo(output: Output): Say {
  return (line) => void output.write(`${line}\n`)
}

/** Line about an entry of the platform's history; undefined for entries that are not shown. */
export function narrateEntry(
  entry: HistoryEntry,
  { bots }: { readonly bots: readonly { readonly appId: string; readonly name: string }[] },
): string | undefined {
  const name = 'appId' in entry ? (bots.find(({ appId }) => appId === entry.appId)?.name ?? entry.appId) : ''
  switch (entry.kind) {
    case 'sent':
      return `${entry.chatId}  user -> ${name}: ${entry.text}`
    case 'message_created':
      return `${entry.chatId}  ${name} -> user: ${textOf(entry.content)}`
    case 'acked':
      return entry.attempt > 1 ? `${name}: redelivery ${entry.attempt - 1} acknowledged` : undefined
    case 'connection_closed':
      return `${name}: connection closed, ${entry.unackedCount} events unacknowledged`
    case 'connection_ready':
      return `${name}: connected`
    default:
      return undefined
  }
}

/** Prints a line at every restart of a worker. Returns the function that ends it. */
export function narrateRestarts(supervisor: FeishuSupervisor, say: Say): () => void {
  return supervisor.on('bot', ({ name, child }) => {
    if (child.state === 'restarting') say(`${name}: worker ${child.lastExit?.reason ?? 'ended'}, restarting`)
  })
}

function textOf(content: string): string {
  const parsed = JSON.parse(content) as { text?: unknown }
  return typeof parsed.text === 'string' ? parsed.text : content
}
