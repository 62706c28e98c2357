import type { Reporter, TestModule } from 'vitest/node'

const COUNT = 10

/** Prints the slowest test files at the end of a run: that is where a suite gets too slow. */
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({ path: module.relativeModuleId, seconds: secondsOf(module) }))
    const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, COUNT)
    const lines = slowest.map(({ path, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${path}`)
    process.stdout.write(`\n Slowest files\n${lines.join('\n')}\n`)
  }
}

/** With its imports, which can take longer than its tests. */
function secondsOf(module: TestModule): number {
  const { collectDuration, duration, setupDuration } = module.diagnostic()
  return (collectDuration + duration + setupDuration) / 1_000
}
