import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Bench } from 'tinybench'
import { Secret } from '../../src/core/log/secret.ts'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import { addPure } from '../micro/pure.ts'
import { addStatements } from '../micro/statements.ts'
import { addWires } from '../micro/wires.ts'
import { freshDatabase } from '../process/world.ts'
import { round } from '../report/figures.ts'
import type { Finding, Run, Section } from '../run.ts'

/** The single parts a message passes, each alone. */
export async function measureMicro({ plan, ground, say }: Run): Promise<Section> {
  const bench = new Bench({ time: plan.microMs, warmupTime: plan.microMs / 4, throws: true })
  const store = await openPostgres({
    url: await freshDatabase(ground.postgresUrl),
    migrationsDir: join(ground.built, '../../../drizzle'),
    masterKey: new Secret(randomBytes(32).toString('base64')),
  })
  const endWires = addWires(bench, ground.built)
  addPure(bench)
  addStatements(bench, store)
  bench.addEventListener('cycle', ({ task }) => say(`  ${task?.name}`))
  try {
    await bench.run()
  } finally {
    await endWires()
    await store.close()
  }
  return {
    title: 'Single parts',
    note: `Median of the runs within ${plan.microMs} ms each, one after the other. The statements go to PostgreSQL and are committed.`,
    findings: bench.tasks.map(finding),
    verdicts: [],
  }
}

function finding({ name, result }: Bench['tasks'][number]): Finding {
  if (!('latency' in result)) throw new Error(`${name} was not measured`)
  return { kind: 'value', name, unit: 'µs', values: [round(result.latency.p50 * 1_000)] }
}
