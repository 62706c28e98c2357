import { laneKey, type LaneRun } from './lane-run.ts'

/** Holds the claimed lanes, each from its claim until the store has it back. */
export class ClaimedLanes implements Iterable<LaneRun> {
  readonly #runs = new Map<LaneRun, Promise<void>>()
  /** The newest run of each lane. After a lost lease a lane may have two runs. */
  readonly #byKey = new Map<string, LaneRun>()

  get count(): number {
    return this.#runs.size
  }

  [Symbol.iterator](): Iterator<LaneRun> {
    return this.#runs.keys()
  }

  of(botId: string, lane: string): LaneRun | undefined {
    return this.#byKey.get(laneKey(botId, lane))
  }

  readonly isBusy = (botId: string, lane: string): boolean => this.of(botId, lane) !== undefined

  add(lane: LaneRun, done: Promise<void>): void {
    this.#runs.set(lane, done)
    this.#byKey.set(lane.key, lane)
  }

  delete(lane: LaneRun): void {
    this.#runs.delete(lane)
    if (this.#byKey.get(lane.key) === lane) this.#byKey.delete(lane.key)
  }

  async allDone(): Promise<void> {
    await Promise.all(this.#runs.values())
  }
}
