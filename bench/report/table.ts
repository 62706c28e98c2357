import type { Finding, Section } from '../run.ts'
import { median, round } from './figures.ts'
import { TARGETS, type TargetId, type Verdict } from './targets.ts'

export interface Row {
  readonly id: TargetId
  readonly what: string
  readonly verdict: Verdict | undefined
}

/** Every target, measured or not. */
export function targetRows(sections: readonly Section[]): Row[] {
  const verdicts = new Map(sections.flatMap((section) => section.verdicts).map((verdict) => [verdict.id, verdict]))
  return (Object.keys(TARGETS) as TargetId[]).map((id) => ({ id, what: TARGETS[id].what, verdict: verdicts.get(id) }))
}

export function spreadText({ value, least, most }: Verdict): string {
  return least === most ? String(value) : `${value} (${least} to ${most})`
}

/** For a terminal. */
export function textReport(sections: readonly Section[]): string {
  const rows = targetRows(sections).map(({ id, what, verdict }) => [
    id,
    verdict === undefined ? 'not measured' : verdict.isMet ? 'met' : 'NOT MET',
    verdict === undefined ? '' : spreadText(verdict),
    verdict?.target ?? '',
    what,
  ])
  return [
    ...sections.flatMap((section) => [
      `\n${section.title}: ${section.note}`,
      ...table(section.findings.map(findingRow)),
    ]),
    '\nTargets: median of the repeats (least to most)',
    ...table(rows),
  ].join('\n')
}

function findingRow(finding: Finding): string[] {
  if (finding.kind === 'value') {
    const values = finding.values.map((value) => (value < 10 ? round(value) : Math.round(value)))
    return [
      finding.name,
      `${round(median(values))} ${finding.unit}`,
      `of ${values.toSorted((a, b) => a - b).join(', ')}`,
    ]
  }
  if (finding.kind === 'growth') {
    const points = finding.points.map(({ x, p50, p99 }) => `${x} ${finding.over}: p50 ${p50} p99 ${p99} ms`)
    return [finding.name, ...points]
  }
  const { name, ack, reply, missing, cpuMs } = finding
  return [
    name,
    `ack ${[ack.p50, ack.p90, ack.p99, ack.p999].join(' / ')} ms`,
    `reply ${[reply.p50, reply.p90, reply.p99, reply.p999].join(' / ')} ms`,
    [
      ...(missing === 0 ? [] : [`${missing} of ${missing + reply.count} missing`]),
      ...(cpuMs === undefined ? [] : [`CPU ${cpuMs} ms a message`]),
    ].join(', '),
  ]
}

function table(rows: readonly string[][]): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  return rows.map((row) => `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd())
}
