import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ApiTokenRecord, AuditEntry, Scope } from '../../protocol/model/access.ts'
import type { AccessStore } from '../store.ts'
import type { Queries, Statement } from '../database/database.ts'
import { storable } from '../database/storable.ts'

interface TokenRow {
  readonly id: string
  readonly owner: string
  readonly role: 'admin' | 'user'
  readonly scopes: string
  readonly name: string
  readonly secret_hash: string
  readonly created: number
  readonly expires: number | null
  readonly revoked: number | null
}

interface AuditRow {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly fields: string
  readonly error: string | null
}

const ms = (column: string, as: string): string => `extract(epoch from ${column})::float8 * 1000 as ${as}`

const TOKEN_COLUMNS = `id, owner, role, scopes, name, secret_hash, ${ms('created_at', 'created')},
  ${ms('expires_at', 'expires')}, ${ms('revoked_at', 'revoked')}`

const CREATE: Statement = {
  name: 'feishu_create_token',
  text: `
insert into feishu_api_tokens (id, owner, role, scopes, name, secret_hash, expires_at)
values ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 ms') returning ${TOKEN_COLUMNS}`,
}

const LIST: Statement = {
  name: 'feishu_list_tokens',
  text: `select ${TOKEN_COLUMNS} from feishu_api_tokens order by created_at desc, id`,
}

const REVOKE: Statement = {
  name: 'feishu_revoke_token',
  text: 'update feishu_api_tokens set revoked_at = now() where id = $1 and revoked_at is null returning id',
}

const AUTHENTICATE: Statement = {
  name: 'feishu_authenticate',
  text: `
select ${TOKEN_COLUMNS} from feishu_api_tokens
where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
}

const AUDIT: Statement = {
  name: 'feishu_add_audit',
  text: 'insert into feishu_audit (actor, action, subject, fields, error) values ($1, $2, $3, $4, $5)',
}

const AUDIT_LOG: Statement = {
  name: 'feishu_audit_log',
  text: `
select id, ${ms('at', 'at')}, actor, action, subject, fields, error from feishu_audit
order by id desc limit $1::int offset $2::int`,
}

const AUDIT_COUNT: Statement = { name: 'feishu_audit_count', text: 'select count(*)::int as total from feishu_audit' }

export function createAccessStore(database: Queries): AccessStore {
  return {
    async createToken({ owner, role, scopes, name, expiresInMs }) {
      const id = randomBytes(6).toString('hex')
      const secret = randomBytes(32).toString('base64url')
      const values = [id, owner, role, scopes.join(' '), storable(name), hashOf(secret).toString('hex'), expiresInMs]
      const [row] = await database.query<TokenRow>(CREATE, values, 'creating an API token')
      return { record: toRecord(row as TokenRow), token: `fs_${id}_${secret}` }
    },

    async listTokens() {
      return (await database.query<TokenRow>(LIST, [], 'listing API tokens')).map(toRecord)
    },

    async revokeToken(id) {
      return (await database.query(REVOKE, [storable(id)], 'revoking an API token')).length === 1
    },

    async authenticate(id, secret) {
      const [row] = await database.query<TokenRow>(AUTHENTICATE, [id], 'checking an API token')
      const stored = Buffer.from(row?.secret_hash ?? '', 'hex')
      const given = hashOf(secret)
      return row !== undefined && stored.length === given.length && timingSafeEqual(stored, given)
        ? toRecord(row)
        : null
    },

    async audit({ actor, action, subject, fields, error }) {
      const values = [storable(actor), action, storable(subject), fields.join(' '), error ?? null]
      await database.query(AUDIT, values, 'writing the audit log')
    },

    async auditLog({ limit, offset }) {
      const rows = await database.query<AuditRow>(AUDIT_LOG, [limit, offset], 'reading the audit log')
      const [count] = await database.query<{ total: number }>(AUDIT_COUNT, [], 'reading the audit log')
      return { items: rows.map(toEntry), total: count?.total ?? 0 }
    },
  }
}

/** Hashes a secret with SHA-256. A secret of 256 random bits needs no slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function toRecord({ id, owner, role, scopes, name, created, expires, revoked }: TokenRow): ApiTokenRecord {
  return {
    id,
    owner,
    role,
    scopes: scopes.split(' ') as Scope[],
    name,
    createdAt: created,
    ...(expires === null ? {} : { expiresAt: expires }),
    ...(revoked === null ? {} : { revokedAt: revoked }),
  }
}

function toEntry({ fields, error, ...row }: AuditRow): AuditEntry {
  return { ...row, fields: fields === '' ? [] : fields.split(' '), ...(error === null ? {} : { error }) }
}
