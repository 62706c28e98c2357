import { EventEmitter } from 'node:events'
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common'
import type { BotSource, SourceBot, SourceRecord } from 'feishu-supervisor'
import { FeishuSimulator } from 'feishu-supervisor/simulator'

/** A row of the host's own table. */
interface FeishuBot extends SourceBot {
  readonly id: string
  useWebSocket: boolean
  wsConnectionState?: string
}

/** The host's bots, in memory; a repository of TypeORM has the same methods. */
@Injectable()
export class FeishuBots implements BotSource, OnModuleInit {
  readonly #rows = new Map<string, FeishuBot>()
  readonly #changes = new EventEmitter()

  /** FEISHU_BOTS has them as JSON; without it there is one, and a local Feishu to write to it. */
  async onModuleInit(): Promise<void> {
    const bots = process.env.FEISHU_BOTS === undefined ? [await localBot()] : JSON.parse(process.env.FEISHU_BOTS)
    for (const bot of bots) this.save({ owner: 'ann', useWebSocket: true, ...bot })
  }

  save(bot: FeishuBot): void {
    this.#rows.set(bot.id, bot)
    this.#changes.emit('changed', bot.id)
  }

  list(): FeishuBot[] {
    return [...this.#rows.values()]
  }

  get(id: string): FeishuBot | null {
    return this.#rows.get(id) ?? null
  }

  watch(changed: (id?: string) => void): () => void {
    this.#changes.on('changed', changed)
    return () => this.#changes.off('changed', changed)
  }

  record(id: string, record: SourceRecord): void {
    Object.assign(this.#rows.get(id) ?? {}, record)
  }
}

async function localBot(): Promise<SourceBot> {
  const feishu = new FeishuSimulator()
  const { url } = await feishu.start()
  const app = feishu.addApp({ name: 'Helper' })
  new Logger('Feishu').log(`write to the bot at ${url}`)
  return { ...app, id: 'helper', domain: url }
}
