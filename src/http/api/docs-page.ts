import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly description?: string
}

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly { readonly bearer?: readonly string[] }[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: Schema
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

/** Parts of an OpenAPI document that the page shows. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas?: Readonly<Record<string, Schema>> }
}

interface Field {
  readonly name: string
  readonly schema: Schema
  readonly isRequired: boolean
  readonly where: string
}

/** Renders all routes as a page: purpose, access, parameters, answers. `style` is the URL of the style sheet. */
export function docsPage({ paths, components }: ApiDocument, style: string): HtmlEscapedString {
  const resolved = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : (components.schemas?.[nameOf(schema.$ref)] ?? schema)
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>feishu-supervisor: HTTP API</title>
        <link rel="stylesheet" href="${style}" />
      </head>
      <body>
        <header><h1>HTTP API</h1></header>
        <p class="quiet">As an OpenAPI 3.1 document: <a href="openapi.json">openapi.json</a></p>
        ${operations.map(({ path, method, operation }) => card(path, method, operation, resolved))}
      </body>
    </html>` as HtmlEscapedString
}

function card(path: string, method: string, operation: Operation, resolved: (schema: Schema) => Schema): unknown {
  const { summary, description, security, parameters = [], requestBody, responses } = operation
  const asks = security?.[0]?.bearer
  const given = parameters.map(
    ({ name, in: where, required, schema }): Field => ({ name, schema, isRequired: required === true, where }),
  )
  const body = requestBody?.content['application/json']
  const sent = body === undefined ? [] : fieldsOf(resolved(body.schema))
  return html`<section class="card">
    <div>
      <h3>${method.toUpperCase()} ${path}</h3>
      <span class="quiet">${asks === undefined ? 'public' : `token with ${asks.join(', ')}`}</span>
    </div>
    <p>${summary}</p>
    ${description === undefined ? '' : html`<p class="quiet">${description}</p>`}
    ${[...given, ...sent].map(fieldLine)}
    ${Object.entries(responses).map(([status, { description: what }]) => html`<p class="quiet">${status}: ${what}</p>`)}
  </section>`
}

function fieldsOf({ properties = {}, required = [] }: Schema): Field[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    // A field with a default need not be given.
    isRequired: required.includes(name) && schema.default === undefined,
    where: 'body',
  }))
}

function fieldLine({ name, schema, isRequired, where }: Field): unknown {
  const { description, default: standard } = schema
  const more = [
    isRequired ? 'required' : '',
    standard === undefined ? '' : `default ${JSON.stringify(standard)}`,
    description ?? '',
  ]
  return html`<p>
    <code>${name}</code> <span class="quiet">${where}: ${typeOf(schema)}${more
      .filter(Boolean)
      .map((text) => `; ${text}`)
      .join('')}</span>
  </p>`
}

function typeOf({ $ref, type, enum: values, anyOf, items }: Schema): string {
  if ($ref !== undefined) return nameOf($ref)
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' or ')
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ')
  if (items !== undefined) return `list of ${typeOf(items)}`
  return typeof type === 'string' ? type : (type?.join(' or ') ?? 'anything')
}

function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}
