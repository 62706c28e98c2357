// Charts as SVG text: a page with them needs no script and no other file.

export interface Line {
  readonly name: string
  /** Of the horizontal axis, and of the vertical one, which is logarithmic. */
  readonly points: readonly (readonly [number, number])[]
}

const COLORS = ['#0969da', '#1a7f37', '#9a6700', '#cf222e', '#8250df', '#bf3989', '#57606a']
const WIDTH = 900
const HEIGHT = 300
const LEFT = 72
const RIGHT = 260
const TOP = 10
const BOTTOM = 30

export function lineChart(chart: {
  readonly lines: readonly Line[]
  readonly unit: string
  readonly ticks: readonly { readonly at: number; readonly label: string }[]
}): string {
  const { lines, unit, ticks } = chart
  const all = lines.flatMap(({ points }) => points)
  const xs = [...all.map(([x]) => x), ...ticks.map(({ at }) => at)]
  const x = scale(Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT)
  const { y, grid } = logAxis(
    all.map(([, value]) => value),
    unit,
  )
  const labels = ticks.map(
    ({ at, label }) => `<text x="${x(at)}" y="${HEIGHT - 8}" text-anchor="middle">${label}</text>`,
  )
  const drawn = lines.map(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length]
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')
    const legendY = TOP + 12 + index * 18
    return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>
<rect x="${WIDTH - RIGHT + 16}" y="${legendY - 8}" width="12" height="4" fill="${color}"/>
<text x="${WIDTH - RIGHT + 34}" y="${legendY}">${name.replaceAll('&', '&amp;')}</text>`
  })
  return svg(HEIGHT, [...grid, ...labels, ...drawn])
}

/** A bar from one value to another with a mark between, for each row. */
export function rangeChart(
  rows: readonly { readonly name: string; readonly from: number; readonly mark: number; readonly to: number }[],
): string {
  const values = rows.flatMap(({ from, to }) => [from, to]).filter((value) => value > 0)
  const low = Math.log10(Math.min(...values))
  const high = Math.log10(Math.max(...values))
  const x = scale(low, high, LEFT, WIDTH - RIGHT)
  const at = (value: number): number => x(Math.log10(Math.max(value, 10 ** low)))
  const bars = rows.map(({ name, from, mark, to }, index) => {
    const y = TOP + index * 26
    const color = COLORS[index % COLORS.length]
    return `<rect x="${at(from)}" y="${y + 4}" width="${Math.max(2, at(to) - at(from))}" height="12" fill="${color}" opacity=".7"/>
<rect x="${at(mark)}" y="${y}" width="2" height="20" fill="${color}"/>
<text x="${WIDTH - RIGHT + 16}" y="${y + 14}">${name.replaceAll('&', '&amp;')}: ${from} to ${to} ms</text>`
  })
  return svg(TOP + rows.length * 26, bars)
}

/** Lines at powers of ten, or at 1, 2 and 5 of each when there are few of them. */
function logAxis(values: readonly number[], unit: string): { y: (value: number) => number; grid: string[] } {
  const positive = values.filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = Math.ceil(Math.log10(Math.max(...positive, 10)))
  const place = scale(low, high, HEIGHT - BOTTOM, TOP)
  const y = (value: number): number => place(Math.log10(Math.max(value, 10 ** low)))
  const steps = high - low > 2 ? [1] : [1, 2, 5]
  const marks = Array.from({ length: high - low + 1 }, (_, index) => steps.map((step) => step * 10 ** (low + index)))
  const grid = marks
    .flat()
    .filter((value) => value <= 10 ** high)
    .map((value) => {
      const shown = Number(value.toPrecision(1))
      return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="currentColor" opacity=".15"/>
<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${shown} ${unit}</text>`
    })
  return { y, grid }
}

function scale(low: number, high: number, from: number, to: number): (value: number) => number {
  const span = high === low ? 1 : high - low
  return (value) => Math.round((from + ((value - low) / span) * (to - from)) * 10) / 10
}

function svg(height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" font-size="12" fill="currentColor" role="img">${parts.join('\n')}</svg>`
}
