import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)

it.each(['CONTRIBUTING.md', 'docs/architecture.md'])('every path of the repository in %s exists', (page) => {
  const text = readFileSync(fileURLToPath(new URL(page, ROOT)), 'utf8')
  const named = [...text.matchAll(/(?<![\w./-])(?:src|workers|test|bench|docs|drizzle|examples)\/[\w./-]*[\w]/g)]
  const paths = [...new Set(named.map(([path]) => path))]
  expect(paths.length).toBeGreaterThan(10)
  expect(paths.filter((path) => !existsSync(fileURLToPath(new URL(path, ROOT))))).toEqual([])
})
