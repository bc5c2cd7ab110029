import { openApi } from '@enfold/http'
import { HOSTILE_IDS } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { expect, it } from 'vitest'
import { givenApi, pool } from './api.fixture.ts'
import { pathSegment } from './path.ts'

/** What a schema of the document may say; those that a generator does not know fail the test. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly items?: Schema
  readonly minItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly $ref?: string
}

interface Operation {
  readonly operationId: string
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly schema?: Schema
    /** Instead of a schema: what is written as JSON. */
    readonly content?: { readonly 'application/json': { readonly schema: Schema } }
  }[]
  readonly requestBody?: { readonly content: { readonly [type: string]: { readonly schema: Schema } } }
  readonly responses: {
    readonly [status: string]: { readonly content: { readonly [type: string]: { readonly schema: Schema } } }
  }
}

interface Document {
  readonly openapi: string
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components: { readonly schemas: { readonly [name: string]: Schema } }
}

const RUNS = runs(300)

const document = openApi() as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
)

/** Mostly what exists, so that requests also get somewhere. */
const KNOWN: { readonly [name: string]: readonly string[] } = {
  contactId: ['ann', 'bob', 'cem', 'dora', 'eve', 'finn', 'gus', 'hope'],
  campaignId: ['pool', 'garden'],
  sequenceId: ['nurture', 'tips'],
  stepId: ['one', 'two'],
  actionId: ['first'],
}
const anyText = fc.oneof(
  fc.constantFrom(...HOSTILE_IDS, '.', '..', '~'),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
)
const textFor = (name: string) =>
  Object.hasOwn(KNOWN, name)
    ? fc.oneof(
        { weight: 7, arbitrary: fc.constantFrom(...(KNOWN[name] as readonly string[])) },
        { weight: 1, arbitrary: anyText },
      )
    : anyText

/** Values that the schema describes. */
function valueFor(schema: Schema, name = ''): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => valueFor(one, name)))
  switch (schema.type) {
    case 'string':
      if (schema.pattern !== undefined) return fc.oneof(instant, fc.stringMatching(new RegExp(schema.pattern)))
      return textFor(name).filter(
        (one) => one.length >= (schema.minLength ?? 0) && one.length <= (schema.maxLength ?? 1e6),
      )
    case 'integer':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1e6, (schema.minimum ?? 0) + 3) }),
        // A filter would try some hundred million numbers for one that fits between close bounds.
        fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? Number.MAX_SAFE_INTEGER }),
      )
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valueFor(schema.items ?? {}, name), { minLength: schema.minItems ?? 0, maxLength: 4 })
    case 'object': {
      const { properties = {}, required = [] } = schema
      const known = fc.record(
        Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valueFor(one, name)])),
        { requiredKeys: [...required].filter((name) => name in properties) },
      )
      return schema.additionalProperties === false
        ? known
        : fc.tuple(known, fc.dictionary(anyText, fc.jsonValue())).map(merged)
    }
    case undefined:
      return fc.jsonValue()
    default:
      throw new Error(`The generator knows nothing of ${JSON.stringify(schema)}.`)
  }
}
const instant = fc
  .date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())
const merged = ([known, more]: [object, object]) => ({ ...more, ...known })

/** Now and then anything instead, somewhere within. */
const spoilt = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(value, fc.nat(9), fc.jsonValue(), anyText).map(([one, dice, other, name]) => {
    if (dice > 1 || typeof one !== 'object' || one === null || Array.isArray(one)) return dice === 0 ? other : one
    const names = Object.keys(one)
    return { ...one, [dice === 0 ? (names[0] ?? name) : name]: other }
  })

const request = fc.constantFrom(...operations).chain((operation) =>
  fc.record({
    operation: fc.constant(operation),
    values: fc.tuple(
      ...operation.parameters.map(({ name, schema, content, required }) =>
        fc.option(
          content === undefined
            ? valueFor(schema ?? {}, name)
            : valueFor(content['application/json'].schema, name).map((value) => JSON.stringify(value)),
          { nil: undefined, freq: required ? 1e6 : 2 },
        ),
      ),
    ),
    body: bodyOf(operation),
  }),
)

function bodyOf({ operationId, requestBody }: Operation): fc.Arbitrary<string | undefined> {
  if (requestBody === undefined) return fc.constant(undefined)
  const json = requestBody.content['application/json']
  if (json === undefined)
    return fc
      .array(textFor('contactId'))
      .map((cells) => cells.map((one) => `"${one.replaceAll('"', '""')}"`).join('\n'))
  const definition = operationId === 'publishCampaign' || operationId === 'checkCampaign'
  const value = definition ? fc.oneof(fc.constant(pool), spoilt(fc.constant(pool))) : spoilt(valueFor(json.schema))
  return value.map((one) => JSON.stringify(one))
}

const isWellFormed = (one: unknown) => String(one).isWellFormed()

it('the API answers as its OpenAPI document says, whatever is asked: no 5xx, and each answer has its shape', {
  timeout: 120_000,
}, async () => {
  const { send, engine, errors } = await givenApi({
    contacts: { get: (id) => (id === 'bob' ? null : {}) },
    // What was not sent to the contact says so (DELIVER-3).
    deliverTo: 'nobody',
  })
  await engine.processAction({
    actionId: 'first',
    action: 'start',
    campaignId: 'pool',
    sequenceId: 'nurture',
    contacts: { ids: ['ann', 'bob'] },
    actor: 'olga',
  })
  await engine.runDue()
  const checks = new Map<Schema, ReturnType<typeof Compile>>()
  const fits = (schema: Schema, value: unknown) => {
    const one =
      schema.$ref === undefined
        ? schema
        : (document.components.schemas[schema.$ref.split('/').at(-1) as string] as Schema)
    const check = checks.get(one) ?? Compile(one as never)
    checks.set(one, check)
    expect({ value, wrong: [...check.Errors(value)] }).toEqual({ value, wrong: [] })
  }
  const answered = new Map<string, Set<number>>()
  await fc.assert(
    fc.asyncProperty(request, async ({ operation, values, body }) => {
      const { path, method, parameters, requestBody, responses, operationId } = operation
      const given = parameters
        .map((parameter, i) => ({ ...parameter, value: values[i] }))
        .filter(({ value }) => value !== undefined && isWellFormed(value))
      const inPath = new Map(
        given.filter((one) => one.in === 'path').map(({ name, value }) => [name, pathSegment(String(value))]),
      )
      const query = new URLSearchParams(
        given.filter((one) => one.in === 'query').map(({ name, value }) => [name, String(value)]),
      )
      const key = given.find(
        (one) => one.in === 'header' && /^[ -~]*$/.test(String(one.value)) && String(one.value).trim() === one.value,
      )
      const answer = await send(
        method.toUpperCase(),
        `${path.replace(/\{(\w+)\}/g, (_, name) => inPath.get(name) ?? 'x')}?${query}`,
        {
          ...(body === undefined ? {} : { body }),
          headers: {
            ...(method === 'get'
              ? {}
              : { 'content-type': Object.keys(requestBody?.content ?? { 'application/json': 1 })[0] as string }),
            ...(key === undefined ? {} : { 'idempotency-key': String(key.value) }),
          },
        },
      )
      const { status, headers } = answer
      answered.set(operationId, (answered.get(operationId) ?? new Set()).add(status))
      expect([status < 500, errors]).toEqual([true, []])
      if (status === 304) return
      const described = (responses[status] ?? responses.default)?.content ?? {}
      const type = headers.get('content-type')?.split(';')[0] as string
      expect(Object.keys(described)).toContain(type)
      expect(responses[status] === undefined).toBe(type === 'application/problem+json')
      if (answer.body !== undefined) fits(described[type]?.schema as Schema, answer.body)
    }),
    { numRuns: RUNS },
  )
  // A generator that only ever is refused proves nothing. (Erased contacts and spoilt bodies are refused by right; about
  // three quarters of the routes are served in a run.)
  const served = operations.filter(({ operationId }) =>
    [...(answered.get(operationId) ?? [])].some((status) => status < 300),
  )
  if (RUNS >= 1500) expect(served.length).toBeGreaterThan(operations.length / 2)
})

it('the document is of OpenAPI 3.1, names each operation once, and describes every way out', () => {
  expect(document.openapi).toMatch(/^3\.1\./)
  const ids = operations.map(({ operationId }) => operationId)
  expect(new Set(ids).size).toBe(ids.length)
  for (const { path, parameters, responses } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(named)
    expect(Object.keys(responses)).toContain('default')
  }
  expect(JSON.parse(JSON.stringify(document))).toEqual(document)
})

it('MATCH-2: what the document says of the answer to a signal holds for an automated one as well', async () => {
  const { send } = await givenApi()
  const body = { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, automated: true }
  const answer = await send('POST', '/signals', { body })
  expect(answer.body.goals).toMatchObject([{ outcome: 'automated' }, { outcome: 'automated' }])
  const schema = document.paths['/signals']?.post?.responses['200']?.content['application/json']?.schema
  expect([...Compile(schema as never).Errors(answer.body)]).toEqual([])
})
