import type { World } from '../../process/world.ts'
import { spread } from '../../report/figures.ts'
import { judge } from '../../report/targets.ts'
import type { Finding, Part, Run } from '../../run.ts'
import { pause, type SlowWorld, until, untilIdle } from './slow-world.ts'

type Chats = ReturnType<World['chats']>

const WAITING = 1_000
const STREAMS = 200
const PATIENCE_MS = 60_000

/** Cards are made and shown by then, and what that left behind can be collected. */
const SETTLE_MS = 2_000

/** S2: what a run that waits costs its thread. */
export async function measureHeap(
  { plan, say }: Run,
  { world, model, streamText, others, streaming }: SlowWorld,
): Promise<Part> {
  /** Answers what all of them hold that is gone when they are answered, MB; thread by thread, because some come and go. */
  const hold = async (text: string, chats: Chats, holds: () => Promise<number>, release: () => Promise<void>) => {
    const answered = world.platform.order('burst', { text, chats, patienceMs: PATIENCE_MS })
    await until('runs that hold', chats.length, holds)
    await pause(SETTLE_MS)
    const held = await world.subject.order('handlerHeaps')
    await release()
    await answered
    await untilIdle(world)
    const idle = await world.subject.order('handlerHeaps')
    return [...held].reduce((sum, [thread, heapMb]) => sum + heapMb - (idle.get(thread) ?? heapMb), 0)
  }
  const waiting = world.chats(WAITING / others.length, others)
  const streams = world.chats(STREAMS / streaming.length, streaming)
  const wait = (text: string): Promise<number> =>
    hold(
      text,
      waiting,
      () => world.subject.order('busyRuns'),
      () => world.subject.order('release'),
    )
  const stream = (text: string): Promise<number> =>
    hold(
      streamText(text),
      streams,
      () => model.order('held'),
      () => model.order('release'),
    )
  // Once before: code and buffers that stay are no run's.
  await wait('hold first')
  await stream('hold first')
  const kb: number[] = []
  const mb: number[] = []
  for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
    kb.push((await wait(`hold ${repeat}`)) * (1_024 / WAITING))
    mb.push((await stream(`hold ${repeat}`)) / STREAMS)
    say(
      `  ${repeat}/${plan.repeats} heap of a run: waits ${kb.at(-1)?.toFixed(1)} KB, streams ${mb.at(-1)?.toFixed(3)} MB`,
    )
  }
  const finding = (name: string, unit: string, values: readonly number[]): Finding => ({
    kind: 'value',
    name,
    unit,
    values,
  })
  return {
    findings: [finding('heap of a run that waits', 'KB', kb), finding('heap of a run that streams', 'MB', mb)],
    verdicts: [judge('S2', spread(kb)), judge('S2 stream', spread(mb))],
  }
}
