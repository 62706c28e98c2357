import { fromErrorRecord } from '../../../src/core/errors.ts'
import { merged } from '../../../src/core/merged.ts'
import { revealed, Secret, secretOrNull } from '../../../src/core/log/secret.ts'
import type { BotLimits, BotPolicy } from '../../../src/protocol/model/bot-settings.ts'
import type { SourceControl, SourceReading, SourceRow } from '../../../src/protocol/model/bot-source.ts'
import type { ControlClient } from '../../../src/protocol/control-channel.ts'
import { type Result, valueOf } from '../../../src/protocol/model/result.ts'
import type { Bot, StoredBotChange, BotStore } from '../../../src/store/store.ts'

const CALL_DEADLINE_MS = 2_000
const LIST_DEADLINE_MS = 10_000

/** Below the time limit of `stop`. A late state is written with the next one. */
const RECORD_DEADLINE_MS = 1_000

/** `BotStore` over the bot source of the host. Stores nothing itself. */
export class SourceBots implements BotStore {
  readonly #source: ControlClient<SourceControl>

  constructor(source: ControlClient<SourceControl>) {
    this.#source = source
  }

  async read(): Promise<Omit<SourceReading, 'rows'> & { readonly bots: readonly Bot[] }> {
    const { rows, ...rest } = await this.#call('list', (remote) => remote.list(), LIST_DEADLINE_MS)
    return { ...rest, bots: rows.map(toBot) }
  }

  async list(): Promise<Bot[]> {
    const { bots, failure } = await this.read()
    if (failure !== undefined) throw fromErrorRecord(failure)
    return [...bots]
  }

  async get(id: string): Promise<Bot | null> {
    const row = await this.#call('get', (remote) => remote.get(id))
    return row === null ? null : toBot(row)
  }

  async add(bot: Parameters<BotStore['add']>[0]): Promise<Bot> {
    const id = await this.#call('writer.add', (remote) => remote.add(revealed(bot)))
    const added = await this.get(id)
    if (added === null) throw new TypeError(`botSource.get found no bot ${id}, but writer.add just returned that id`)
    return added
  }

  async update(id: string, change: StoredBotChange): Promise<Bot | null> {
    const { useWebSocket, ...others } = change
    // A source without a writer may still record the mode.
    if (useWebSocket !== undefined && Object.keys(others).length === 0) {
      await this.#call('record', (remote) => remote.record(id, { useWebSocket }))
    } else {
      await this.#call('writer.update', (remote) => remote.update(id, revealed(change)))
    }
    return await this.get(id)
  }

  async remove(id: string): Promise<boolean> {
    if ((await this.get(id)) === null) return false
    await this.#call('writer.remove', (remote) => remote.remove(id))
    return true
  }

  /** Does nothing: a bot source has no open ids. The worker reports the open id again after the next start. */
  async recordOpenId(): Promise<void> {}

  async recordStates(states: Parameters<BotStore['recordStates']>[0]): Promise<void> {
    await Promise.all(
      states.map(({ id, state }) =>
        this.#call('record', (remote) => remote.record(id, { wsConnectionState: state }), RECORD_DEADLINE_MS),
      ),
    )
  }

  async #call<T>(
    what: string,
    run: (remote: SourceControl) => Promise<Result<T>>,
    deadlineMs = CALL_DEADLINE_MS,
  ): Promise<T> {
    return valueOf(await this.#source.call(`botSource.${what}`, deadlineMs, run))
  }
}

function toBot({ appSecret, encryptKey, verificationToken, limits, policy, ...row }: SourceRow): Bot {
  return {
    ...row,
    limits: merged<BotLimits>({}, limits),
    policy: merged<BotPolicy>({}, policy),
    openId: null,
    appSecret: new Secret(appSecret),
    encryptKey: secretOrNull(encryptKey),
    verificationToken: secretOrNull(verificationToken),
  }
}
