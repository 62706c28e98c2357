import { z } from '@hono/zod-openapi'
import { CHECKS } from '../../protocol/model/finding.ts'
import { type Api, define, json } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { botIdsOf } from '../api/principal.ts'

const findingSchema = z
  .object({
    check: z.enum(CHECKS),
    level: z.enum(['ok', 'warning', 'error']),
    message: z.string(),
    mend: z.string().optional().openapi({ description: 'What to do about it.' }),
    botId: z.string().optional().openapi({ description: 'Absent where it concerns the whole instance.' }),
    name: z.string().optional(),
  })
  .openapi('Finding')

const doctor = define('write', {
  method: 'post',
  path: '/api/feishu/doctor',
  summary: 'Check what the bots need to reach Feishu; for an admin also the database and the master key',
  description: 'Makes a few harmless calls for each bot and opens no connection. Takes some seconds.',
  responses: { 200: json(z.object({ findings: z.array(findingSchema) }), 'What was found, good and bad.') },
})

export function addDoctorRoute(api: Api, { view }: RouteDeps): void {
  api.openapi(doctor, async (c) => {
    const findings = await view.diagnose(botIdsOf(c.get('principal'), await view.status()) ?? undefined)
    return c.json({ findings: [...findings] }, 200)
  })
}
