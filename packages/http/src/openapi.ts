/** The OpenAPI 3.1 document, made of the same table and the same schemas by which requests are routed and checked. */
import type { TSchema } from 'typebox'
import { definitionSchema } from './campaign-routes.ts'
import type { Route } from './route.ts'
import { Id, ProblemBody } from './schemas.ts'

type Json = { readonly [key: string]: unknown }

/**
 * @param basePath where the API is mounted
 * @example
 * JSON.stringify(openApiDocument(routes, '/enfold'))
 */
export function openApiDocument(routes: readonly Route[], basePath: string): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = paths[route.path] ?? {}
    paths[route.path] = path
    path[route.method] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Enfold',
      version: '1',
      description:
        'Ids in paths are percent-encoded; one that is "." or "..", or begins with "~", has a "~" before it. Problems are RFC 9457, with a type that stays the same.',
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    paths,
    components: {
      schemas: {
        Problem: plain(ProblemBody),
        // With an id of its own, so that the references within it stay within it.
        CampaignDefinition: { $id: 'urn:enfold:schema:campaign', ...definitionSchema },
      },
    },
  }
}

function operation({ id, summary, method, path, query, body, csv, answers }: Route): Json {
  const required = (query as { required?: readonly string[] } | undefined)?.required ?? []
  const queries = Object.entries((query as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {})
  const content = csv
    ? { 'text/csv': { schema: { type: 'string' } } }
    : { 'application/json': { schema: body === undefined ? {} : plain(body) } }
  return {
    operationId: id,
    summary,
    tags: [path.split('/')[1]],
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: plain(Id) })),
      ...queries.map(([name, schema]) => ({
        name,
        in: 'query',
        required: required.includes(name),
        ...saidAs(plain(schema)),
      })),
      ...(method === 'get'
        ? []
        : [
            {
              name: 'Idempotency-Key',
              in: 'header',
              required: false,
              description: "The command's id: the same again has the same effect, once, and the same answer.",
              schema: plain(Id),
            },
          ]),
    ],
    ...(body === undefined && !csv ? {} : { requestBody: { required: true, content } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          {
            description: status === '202' ? 'It has begun' : status === '503' ? 'Service unavailable' : 'It is done',
            content:
              typeof answer === 'string'
                ? { [answer]: { schema: { type: 'string' } } }
                : { 'application/json': { schema: plain(answer) } },
          },
        ]),
      ),
      default: {
        description: 'The request was refused',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

/** A parameter that is an object is written as JSON. */
const saidAs = (schema: Json): Json =>
  schema.type === 'object' ? { content: { 'application/json': { schema } } } : { schema }

/** Without what only the checks of this process understand. */
function plain(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json
}
