import { z } from '@hono/zod-openapi'
import { type Api, define, json } from './api.ts'
import { type ApiDocument, docsPage } from './docs-page.ts'

export const OPEN_API_PATH = '/api/feishu/openapi.json'

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const document = define('public', {
  method: 'get',
  path: OPEN_API_PATH,
  summary: 'This API as an OpenAPI 3.1 document',
  responses: { 200: json(z.any().openapi({ type: 'object' }), 'The document.') },
})

const docs = define('public', {
  method: 'get',
  path: '/api/feishu/docs',
  summary: 'This API for a person to read',
  responses: { 200: { description: 'The page.', content: { 'text/html': { schema: z.string() } } } },
})

/** Adds the routes of the OpenAPI document. The document has every route, also routes added later. */
export function addOpenApi(api: Api): void {
  api.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token. A route names the scope it asks for, and `admin` if it asks for an admin.',
  })
  const described = () =>
    api.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'feishu-supervisor', version: '1', description: 'Runs many Feishu (Lark) chat bots.' },
    })

  api.openapi(document, (c) => c.json(described(), 200))

  api.openapi(docs, (c) => {
    c.header('content-security-policy', CONTENT_SECURITY_POLICY)
    // The URL is relative, because a host may mount the API at another path.
    return c.html(docsPage(described() as unknown as ApiDocument, 'page/status.css'), 200)
  })
}
