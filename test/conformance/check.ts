import type { Client } from '@larksuiteoapi/node-sdk'
import type { FeishuSimulator, SimulatorOptions } from '../../src/simulator/simulator.ts'
import type { TestApp } from '../support/simulator.ts'

/** A platform under test. Users are scripted at the simulator; clients use `url`, where a wrong platform may sit. */
export interface World {
  readonly simulator: FeishuSimulator
  readonly url: string
  readonly app: TestApp
  readonly client: Client
}

/** One behaviour that clients rely on. */
export interface Check {
  readonly name: string
  readonly options?: SimulatorOptions
  run(world: World): Promise<void>
}

/** Fails for a field that is missing: the reader names each as the SDK's own types do. */
export function expectAll(fields: readonly unknown[]): void {
  const missing = fields.flatMap((field, index) => (field === undefined || field === null ? [index] : []))
  if (missing.length > 0) throw new Error(`fields ${missing.join(', ')} of the reader are missing`)
}
