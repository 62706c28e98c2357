import { expect, it } from 'vitest'
import type { AppView } from '../../src/http/api/app-view.ts'
import { resolveOptions } from '../../src/options/options.ts'
import { createRoutes } from '../../src/http/routes.ts'

/** Nothing of it is asked here. */
const view = { on: () => () => {} } as unknown as AppView

const api = createRoutes({
  view,
  fastAttempts: 5,
  botRights: { allowedDomains: [], handlerOwners: {}, limits: resolveOptions().thread.messages },
  maxWebhookBytes: 1,
  report: (thrown) => {
    throw thrown
  },
})

interface Operation {
  readonly summary?: string
  readonly security?: unknown
  readonly responses: Record<string, { description?: string }>
}

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly securitySchemes: object; readonly schemas: Record<string, unknown> }
}

const document = (await (await api.request('http://localhost/api/feishu/openapi.json')).json()) as Document

it('describes every route there is, and no other', () => {
  const served = api.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(new Set(described)).toEqual(new Set(served))
  expect(described.length).toBeGreaterThan(20)
})

it('says of each what it does, what it asks for and what it answers', () => {
  expect(document.openapi).toBe('3.1.0')
  expect(document.components.securitySchemes).toHaveProperty('bearer')
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const operation of Object.values(methods)) {
      expect({ path, ...operation }).toMatchObject({ summary: expect.any(String), security: expect.any(Array) })
      for (const response of Object.values(operation.responses)) expect(response.description).toBeTruthy()
    }
  }
})

it('refers only to schemas that it has', () => {
  const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '')
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) expect(document.components.schemas).toHaveProperty(name)
})

it('shows a person every route with its fields', async () => {
  const response = await api.request('http://localhost/api/feishu/docs')
  const page = await response.text()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) expect(page).toContain(`${method.toUpperCase()} ${path}</h3>`)
  }
  expect(page).toMatch(/<code>appSecret<\/code> <span class="quiet">body: string; required/)
  expect(page).toMatch(/<code>limit<\/code> <span class="quiet">query: integer; default 20; Items per page/)
  expect(page).not.toContain('<script')
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
})
