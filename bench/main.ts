import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { providePostgres } from '../test/support/postgres.ts'
import { measureCrash } from './measures/crash.ts'
import { measureGrowth } from './measures/growth.ts'
import { measureLatency } from './measures/latency.ts'
import { measureMicro } from './measures/micro.ts'
import { measureNeighbour } from './measures/neighbour.ts'
import { measureSlow } from './measures/slow.ts'
import { measureThroughput } from './measures/throughput.ts'
import { type BenchOptions, type MeasureName, readOptions } from './options.ts'
import { readCircumstances } from './report/circumstances.ts'
import { htmlReport } from './report/page.ts'
import { targetRows, textReport } from './report/table.ts'
import type { Run, Section } from './run.ts'

// `npm run bench`: prints what it does, a table, and one JSON object last.

const MEASURES: Readonly<Record<MeasureName, (run: Run) => Promise<Section>>> = {
  micro: measureMicro,
  latency: measureLatency,
  throughput: measureThroughput,
  neighbour: measureNeighbour,
  crash: measureCrash,
  slow: measureSlow,
  growth: measureGrowth,
}

const built = fileURLToPath(new URL('.', import.meta.url))
const root = join(built, '../../..')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function bench({ plan, measures, out }: BenchOptions): Promise<void> {
  const startedAt = performance.now()
  const load = loadavg()[0] ?? 0
  const postgres = await providePostgres()
  if ('skip' in postgres) throw new Error(postgres.skip)
  try {
    const circumstances = await readCircumstances(root, postgres.url, load)
    const run: Run = { plan, ground: { built, postgresUrl: postgres.url }, say }
    const sections: Section[] = []
    for (const name of measures) {
      say(`${Math.round((performance.now() - startedAt) / 1_000)} s ${name}`)
      sections.push(await MEASURES[name](run))
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    const results = { plan: plan.name, seconds, ...circumstances, sections }
    await mkdir(out, { recursive: true })
    await writeFile(join(out, 'results.json'), `${JSON.stringify(results, undefined, 1)}\n`)
    await writeFile(join(out, 'report.html'), htmlReport(results))
    say(textReport(sections))
    say(`\n${seconds} s; ${join(out, 'results.json')} and ${join(out, 'report.html')} are written`)
    const verdicts = targetRows(sections).map(({ id, verdict }) => {
      if (verdict === undefined) return [id, null]
      const { value, least, most, target, isMet } = verdict
      return [id, { value, least, most, target, isMet }]
    })
    say(JSON.stringify(Object.fromEntries(verdicts)))
  } finally {
    await postgres.drop()
  }
}

try {
  await bench(readOptions(process.argv.slice(2)))
} catch (thrown) {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 1
}
