import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
}

it('docs/feishu-console.md names every event and every scope that the code knows', () => {
  const events = read('src/messages/inbound/to-inbound-event.ts').matchAll(/'((?:im|application|card)\.[\w.]+)'/g)
  const scopes = read('workers/bot/check/check-scopes.ts').matchAll(/anyOf: \['([\w:.]+)'/g)
  const known = [...events, ...scopes].map(([, name]) => name)
  expect(known.length).toBeGreaterThan(8)
  const named = new Set([...read('docs/feishu-console.md').matchAll(/`([\w:.]+)`/g)].map(([, name]) => name))
  expect(known.filter((name) => !named.has(name))).toEqual([])
})
