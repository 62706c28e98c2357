import { readFile } from 'node:fs/promises'
import { z } from '@hono/zod-openapi'
import { type Api, define, pageQuery, rangeOf } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { botIdsOf, botsOf } from '../api/principal.ts'
import { statusPage } from './status-page.ts'

/** Folder of the page's files, next to this module both in src and in dist. */
const FOLDER = new URL('./static/', import.meta.url)

const PAGE_PATH = '/api/feishu/page'

/** Forbids inline scripts, content of other origins and forms. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const TYPES = { 'status.js': 'text/javascript', 'status.css': 'text/css' } as const

const html = (description: string) => ({ description, content: { 'text/html': { schema: z.string() } } })

const shell = (path: string) =>
  define('public', {
    method: 'get',
    path,
    summary: 'The status page, empty until a user signs in',
    responses: { 200: html('The page.') },
  })

const view = define('read', {
  method: 'get',
  path: `${PAGE_PATH}/view`,
  summary: 'Rendered content of the status page',
  request: { query: z.strictObject({ letters: pageQuery.page.openapi({ description: 'The page of dead letters.' }) }) },
  responses: { 200: html('Bots with state, cause and next step; inbox; dead letters.') },
})

const asset = define('public', {
  method: 'get',
  path: `${PAGE_PATH}/{file}`,
  summary: 'Script and style of the status page',
  request: { params: z.object({ file: z.enum(['status.js', 'status.css']) }) },
  responses: { 200: { description: 'The file.', content: { 'text/plain': { schema: z.string() } } } },
})

const LETTERS_PER_PAGE = 20

/** Serves the page at `/` and under the API prefix. The second path is for hosts that mount only the API, at any path. */
export function addPageRoutes(api: Api, { view: app, fastAttempts }: RouteDeps): void {
  for (const path of ['/', PAGE_PATH]) {
    api.openapi(shell(path), async (c) => {
      c.header('content-security-policy', CONTENT_SECURITY_POLICY)
      // The path that Hono gives has no trailing slash.
      const isFolder = new URL(c.req.url).pathname.endsWith('/')
      const files = path === '/' ? PAGE_PATH.slice(1) : isFolder ? '.' : 'page'
      return c.html((await file('index.html')).replaceAll(PAGE_PATH, files), 200)
    })
  }

  api.openapi(view, async (c) => {
    const principal = c.get('principal')
    const page = c.req.valid('query').letters
    const status = await app.status()
    const mine = { botIds: botIdsOf(principal, status), ...rangeOf({ page, limit: LETTERS_PER_PAGE }) }
    // While the database is away the page must show the bots without delay, so dead letters are left out.
    const letters = status.store.ready ? await app.listDeadLetters(mine).catch(() => undefined) : undefined
    const bots = botsOf(principal, status)
    const mayOrder = principal.scopes.includes('write')
    return c.html(
      statusPage({
        status: { ...status, bots },
        fastAttempts,
        mayOrder,
        letters: letters && { ...letters, page, limit: LETTERS_PER_PAGE },
      }),
      200,
    )
  })

  api.openapi(asset, async (c) => {
    const name = c.req.valid('param').file
    return c.text(await file(name), 200, { 'content-type': `${TYPES[name]}; charset=utf-8` })
  })
}

async function file(name: string): Promise<string> {
  return await readFile(new URL(name, FOLDER), 'utf8')
}
