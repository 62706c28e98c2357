import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { readEnvironment } from '../../src/cli/environment.ts'
import { ERROR_CODES, errorText } from '../../src/core/errors.ts'
import { optionsSchema, resolveOptions } from '../../src/options/options.ts'

const DOCS = new URL('../../docs/', import.meta.url)
const page = (name: string): string => readFileSync(new URL(name, DOCS), 'utf8')

/** The rows of the first table of a page: the name in backticks, then the other cells. */
function rowsOf(text: string): Map<string, readonly string[]> {
  const [table = ''] = /^\|---.*\n((?:\|.*\n)+)/m.exec(text)?.slice(1) ?? []
  const rows = table.trim().split('\n')
  return new Map(
    rows.map((row) => {
      const [name = '', ...cells] = row.split(' | ').map((cell) => cell.replace(/^\| |\s*\|$/g, ''))
      return [name.replaceAll('`', ''), cells]
    }),
  )
}

/** The paths of all options, groups among them. */
function pathsOf(schema: z.ZodType, prefix = ''): string[] {
  const { shape, innerType } = schema.def as { shape?: Record<string, z.ZodType>; innerType?: z.ZodType }
  if (innerType !== undefined) return pathsOf(innerType, prefix)
  return Object.entries(shape ?? {}).flatMap(([key, inner]) => [prefix + key, ...pathsOf(inner, `${prefix}${key}.`)])
}

describe('the generated pages', () => {
  it('are up to date', () => {
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('generate.mjs', DOCS)), '--check'])
    expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' })
  })

  it('have every option, and no other', () => {
    const paths = pathsOf(optionsSchema)
    expect(paths.length).toBeGreaterThan(80)
    expect([...rowsOf(page('options.md')).keys()].toSorted()).toEqual(paths.toSorted())
  })

  it('have the default that an option of a number really has', () => {
    const { thread } = resolveOptions()
    const rows = rowsOf(page('options.md'))
    const numbersOf = (value: object, prefix = ''): [string, number][] =>
      Object.entries(value).flatMap(([key, inner]): [string, number][] => {
        if (typeof inner === 'number') return [[prefix + key, inner]]
        return typeof inner === 'object' && inner !== null ? numbersOf(inner, `${prefix}${key}.`) : []
      })
    // Those that depend on the machine.
    const numbers = numbersOf(thread).filter(([path]) => path !== 'messages.threads' && path !== 'health.memoryMb')
    expect(numbers.length).toBeGreaterThan(50)
    const documented = numbers.map(([path]): [string, number] => {
      const [, text = ''] = rows.get(path) ?? []
      return [path, Number(/^-?[\d .]*\d/.exec(text)?.[0].replaceAll(' ', ''))]
    })
    expect(documented).toEqual(numbers)
  })

  it('have every variable of the command line', () => {
    let text = ''
    try {
      readEnvironment({ FS_NONE: '1' })
    } catch (thrown) {
      text = errorText(thrown)
    }
    const known = /Known variables: (.*)$/.exec(text)?.[1]?.split(', ') ?? []
    expect(known.length).toBeGreaterThan(20)
    expect(known.filter((name) => !page('options.md').includes(`\`${name}\``))).toEqual([])
  })

  it('have every error code, and no other', () => {
    expect([...rowsOf(page('errors.md')).keys()]).toEqual(Object.keys(ERROR_CODES))
  })
})
