import type { Finding, Section } from '../run.ts'
import type { Circumstances } from './circumstances.ts'
import { type Line, lineChart, rangeChart } from './chart.ts'
import { median, round } from './figures.ts'
import { spreadText, targetRows } from './table.ts'

export interface Results extends Circumstances {
  readonly plan: string
  readonly seconds: number
  readonly sections: readonly Section[]
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } h3 { font-size: 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; vertical-align: top }
.met { color: #116329; font-weight: 600 } .missed { color: #a40e26; font-weight: 600 } .none { color: #59636e }
svg { width: 100%; height: auto } p { color: #59636e }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } th, td { border-color: #30363d }
p, .none { color: #9198a1 } .met { color: #3fb950 } .missed { color: #f85149 } }`

/** One page that needs nothing else. */
export function htmlReport(results: Results): string {
  const { plan, seconds, at, commit, machine, versions, sections } = results
  const versionText = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>feishu-supervisor benchmarks</title><style>${STYLE}</style>
<h1>feishu-supervisor benchmarks</h1>
<p>${escape(`${plan} run of ${seconds} s, ${at}, commit ${commit}. ${machine.cores} cores (${machine.processor}), ${machine.memoryGb} GB, ${machine.system}; load before the run ${machine.busyCores}. ${versionText.join(', ')}.`)}</p>
<h2>Targets</h2>
${table(['', 'result', 'median (least to most)', 'target', 'measure'], targetTable(sections))}
${sections.map(sectionHtml).join('\n')}
</html>
`
}

function targetTable(sections: readonly Section[]): string[][] {
  return targetRows(sections).map(({ id, what, verdict }) => {
    const [cls, word] =
      verdict === undefined ? ['none', 'not measured'] : verdict.isMet ? ['met', 'met'] : ['missed', 'not met']
    const mark = `<span class="${cls}">${word}</span>`
    return [id, mark, verdict === undefined ? '' : spreadText(verdict), escape(verdict?.target ?? ''), escape(what)]
  })
}

function sectionHtml({ title, note, findings }: Section): string {
  const latencies = findings.filter((finding) => finding.kind === 'latency')
  const values = findings.filter((finding) => finding.kind === 'value')
  const growths = findings.filter((finding) => finding.kind === 'growth')
  return [
    `<h2>${escape(title)}</h2><p>${escape(note)}</p>`,
    ...(latencies.length === 0 ? [] : latencyHtml(latencies)),
    ...(values.length === 0 ? [] : [valueTable(values)]),
    ...growths.map(growthHtml),
  ].join('\n')
}

type LatencyFinding = Extract<Finding, { kind: 'latency' }>

function latencyHtml(latencies: readonly LatencyFinding[]): string[] {
  const columns = ['p50', 'p90', 'p99', 'p999', 'max'] as const
  const rows = latencies.flatMap(({ name, ack, reply, missing, cpuMs }) => [
    [escape(name), 'send to ack', ...columns.map((column) => String(ack[column])), '', ''],
    ['', 'send to reply', ...columns.map((column) => String(reply[column])), String(missing), String(cpuMs ?? '')],
  ])
  const curves = (way: 'ack' | 'reply'): Line[] =>
    latencies.map((finding) => ({
      name: finding.name,
      // "Nines": 90 % is 1, 99 % is 2, 99.9 % is 3.
      points: finding[way].curve.map(([percent, ms]) => [-Math.log10(1 - percent / 100), ms]),
    }))
  const percentTicks = [0, 50, 90, 99, 99.9].map((percent) => ({
    at: -Math.log10(1 - percent / 100),
    label: `${percent} %`,
  }))
  return [
    table(['', 'ms', 'p50', 'p90', 'p99', 'p99.9', 'max', 'missing', 'CPU ms a message'], rows),
    `<h3>Send to reply, by percentile</h3>${lineChart({ lines: curves('reply'), unit: 'ms', ticks: percentTicks })}`,
    `<h3>Send to ack, by percentile</h3>${lineChart({ lines: curves('ack'), unit: 'ms', ticks: percentTicks })}`,
    `<h3>Send to reply, from p50 to p99 with p90</h3>${rangeChart(latencies.map(({ name, reply }) => ({ name, from: reply.p50, mark: reply.p90, to: reply.p99 })))}`,
  ]
}

function valueTable(values: readonly Extract<Finding, { kind: 'value' }>[]): string {
  const rows = values.map(({ name, unit, values: all }) => [
    escape(name),
    `${round(median(all))} ${unit}`,
    all
      .toSorted((a, b) => a - b)
      .map((value) => round(value))
      .join(', '),
  ])
  return table(['', 'median', 'all'], rows)
}

function growthHtml({ name, over, points }: Extract<Finding, { kind: 'growth' }>): string {
  const lines: Line[] = (['p50', 'p99'] as const).map((percentile) => ({
    name: percentile,
    points: points.map((point) => [point.x, point[percentile]]),
  }))
  const ticks = points.map(({ x }) => ({ at: x, label: `${x} ${over}` }))
  const rows = points.map(({ x, p50, p99 }) => [`${x} ${over}`, String(p50), String(p99)])
  return `<h3>${escape(name)}</h3>${lineChart({ lines, unit: 'ms', ticks })}${table(['', 'p50 ms', 'p99 ms'], rows)}`
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const cells = (tag: string, row: readonly string[]): string => row.map((cell) => `<${tag}>${cell}</${tag}>`).join('')
  return `<table><tr>${cells('th', head)}</tr>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}</table>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
