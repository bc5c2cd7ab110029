import { isInstant } from '@enfold/core'
import { EVENT_TYPE_PREFIX, eventJsonSchema } from '@enfold/core/log'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import file from '../schema/event.schema.json' with { type: 'json' }

interface Node {
  readonly required: readonly string[]
  readonly properties: Readonly<Record<string, { readonly enum?: readonly string[]; readonly const?: unknown }>>
  readonly additionalProperties?: boolean
}
interface Published extends Node {
  readonly oneOf: readonly Pick<Node, 'properties'>[]
  readonly $defs: Readonly<Record<string, Node & { readonly pattern?: string }>>
}
const schema = eventJsonSchema as unknown as Published

/** Every object in the schema, with the keys that lead to it. */
function nodes(value: unknown, path = ''): [string, Record<string, unknown>][] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.entries(value).flatMap(([key, child]) => nodes(child, `${path}/${key}`))
  return [[path, value as Record<string, unknown>], ...inner]
}

describe('the published JSON Schema of a line', () => {
  it('AUDIT-1: the file is the schema that is exported', () => {
    const renew =
      'Renew it: node -e "import(\'@enfold/core/log\').then((core) => console.log(JSON.stringify(core.eventJsonSchema)))" > schema/event.schema.json in packages/core, then biome format --write'
    expect(file, renew).toEqual(eventJsonSchema)
  })

  it('LOG-2: the schema has every event, each with its own source and data', () => {
    const types = schema.oneOf.map(({ properties }) => properties.type?.const)
    expect(types).toEqual(schema.properties.type?.enum)
    expect(types).toHaveLength(28)
    for (const type of types) {
      const name = String(type).slice(EVENT_TYPE_PREFIX.length)
      expect(schema.$defs[name]?.required, name).toContain('cause')
    }
  })

  it('LOG-4: the schema is closed: no object of it but the line, which takes extension attributes, has a property that it does not name', () => {
    const open = nodes(eventJsonSchema).filter(
      ([, node]) => node.type === 'object' && node.properties !== undefined && node.additionalProperties !== false,
    )
    expect(open.map(([path]) => path)).toEqual([''])
  })

  it('AUDIT-1: the JSON Schema of a line refers to nothing outside itself', () => {
    const references = nodes(eventJsonSchema).flatMap(([, node]) => (typeof node.$ref === 'string' ? [node.$ref] : []))
    expect(references.length).toBeGreaterThan(0)
    for (const reference of references)
      expect(Object.keys(schema.$defs), reference).toContain(reference.replace('#/$defs/', ''))
  })

  it('LOG-3: the pattern of an instant in the JSON Schema allows exactly the instants', () => {
    const pattern = new RegExp(schema.$defs.instant?.pattern ?? '(?!)', 'u')
    const digits = (width: number, most: number) =>
      fc.integer({ min: 0, max: most }).map((n) => String(n).padStart(width, '0'))
    const year = fc.oneof(digits(4, 9999), fc.constantFrom('0000', '1900', '2000', '2024', '2026', '2100', '2400'))
    const month = fc.oneof(digits(2, 13), fc.constant('02'))
    const day = fc.oneof(digits(2, 32), fc.constantFrom('28', '29', '30', '31'))
    const almost = fc
      .tuple(year, month, day, digits(2, 25), digits(2, 61), digits(2, 61), digits(3, 999))
      .map(([y, mo, d, h, mi, s, ms]) => `${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`)
    const others = fc.constantFrom('', '2026-03-01', '2026-03-01T09:00:00Z', '+002026-03-01T09:00:00.000Z', 'Z\n')
    fc.assert(
      fc.property(fc.oneof({ weight: 50, arbitrary: almost }, others), (text) => {
        expect(pattern.test(text), text).toBe(isInstant(text))
      }),
      { numRuns: runs(1500) },
    )
  })
})
