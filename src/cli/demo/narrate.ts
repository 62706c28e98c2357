import type { FeishuSupervisor } from '../../app/feishu-supervisor.ts'
import type { HistoryEntry } from '../../simulator/history/history.ts'
import type { Output } from '../print-log.ts'

/** Prints a line for a person. */
export type Say = (line: string) => void

export function sayTo(output: Output): Say {
  return (line) => void output.write(`${line}\n`)
}

/** One line for what a person at the keyboard wants to see of the platform's history. */
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

/** Tells of restarts while they happen; returns the function that ends it. */
export function narrateRestarts(supervisor: FeishuSupervisor, say: Say): () => void {
  return supervisor.on('bot', ({ name, child }) => {
    if (child.state === 'restarting') say(`${name}: worker ${child.lastExit?.reason ?? 'ended'}, it is restarted`)
  })
}

function textOf(content: string): string {
  const parsed = JSON.parse(content) as { text?: unknown }
  return typeof parsed.text === 'string' ? parsed.text : content
}
