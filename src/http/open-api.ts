import { z } from '@hono/zod-openapi'
import { type Api, define, json } from './api.ts'

export const OPEN_API_PATH = '/api/feishu/openapi.json'

const document = define('public', {
  method: 'get',
  path: OPEN_API_PATH,
  summary: 'This API as an OpenAPI 3.1 document',
  responses: { 200: json(z.any().openapi({ type: 'object' }), 'The document.') },
})

/** The document of every route that is added before and after. */
export function addOpenApi(api: Api): void {
  api.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token. A route names the scope it asks for, and `admin` if it asks for an admin.',
  })
  api.openapi(document, (c) => {
    const described = api.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'feishu-supervisor', version: '1', description: 'Runs many Feishu (Lark) chat bots.' },
    })
    return c.json(described, 200)
  })
}
