import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import type { PlatformContext, PlatformEnv } from '../http/http-answer.ts'

/** Folder of the page, beside this module in the source tree and in the built one. */
const FOLDER = new URL('./page/', import.meta.url)

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const FILES: Readonly<Record<string, string>> = {
  'chat.js': 'text/javascript; charset=utf-8',
  'card.js': 'text/javascript; charset=utf-8',
  'chat.css': 'text/css; charset=utf-8',
}

/** Serves the chat page at `/`, where a person talks to a bot without Feishu. */
export function pageRoutes(): Hono<PlatformEnv> {
  return new Hono<PlatformEnv>()
    .get('/', (c) => file(c, 'index.html', 'text/html; charset=utf-8'))
    .get('/_simulator/page/:name', (c) => {
      const name = c.req.param('name')
      const type = FILES[name]
      return type === undefined ? c.notFound() : file(c, name, type)
    })
}

async function file(c: PlatformContext, name: string, type: string): Promise<Response> {
  return c.body(await readFile(new URL(name, FOLDER), 'utf8'), 200, {
    'content-type': type,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
}
