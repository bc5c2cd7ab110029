/** What is wrong with the arguments of a tool: where, what stands there, what was expected, and the likely fix. */
import { isInstant, nearest, visibleText } from '@enfold/core'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

export interface InputProblem {
  /** "arguments/campaignId" */
  readonly path: string
  /** As JSON, cut to 100 characters. Left out where nothing stands there, and where it may be private. */
  readonly value?: string
  readonly problem?: 'is missing' | 'is not known'
  readonly expected: string
  readonly hint?: string
}

/** What the schemas of tools are made of. */
interface Part {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Part[]
  readonly properties?: Readonly<Record<string, Part>>
  readonly items?: Part
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
}

/** What a host says of a contact stands here, and stays out of messages. */
const PRIVATE: ReadonlySet<string> = new Set(['data', 'vars', 'definition'])
const MOST = 20

type Validator = ReturnType<typeof Compile>
const validators = new WeakMap<TSchema, Validator>()

/** @returns at most 20, one for each place; empty: the arguments are right */
export function inputProblems(schema: TSchema, value: unknown): readonly InputProblem[] {
  const validator = validators.get(schema) ?? Compile(schema)
  validators.set(schema, validator)
  if (validator.Check(value)) return []
  const found = new Map<string, InputProblem>()
  for (const { instancePath, keyword, params } of validator.Errors(value)) {
    const segments = instancePath.split('/').slice(1)
    const { additionalProperties = [], requiredProperties = [] } = params as {
      readonly additionalProperties?: readonly string[]
      readonly requiredProperties?: readonly string[]
    }
    if (keyword === 'additionalProperties')
      for (const name of additionalProperties) add(unknownName(schema, segments, name))
    else if (keyword === 'required')
      for (const name of requiredProperties) add(problemAt(schema, [...segments, name], undefined))
    // Of a name that is not known, that it is not is said once, by its parent.
    else if (keyword !== 'boolean') add(problemAt(schema, segments, valueAt(value, segments)))
  }
  return [...found.values()].slice(0, MOST)

  function add(problem: InputProblem): void {
    if (!found.has(problem.path)) found.set(problem.path, problem)
  }
}

const pathOf = (segments: readonly string[]) => ['arguments', ...segments.map(visibleText)].join('/')

function unknownName(schema: TSchema, segments: readonly string[], name: string): InputProblem {
  const known = Object.keys(partAt(schema, segments)?.properties ?? {})
  const meant = nearest(name, known)
  return {
    path: pathOf([...segments, name]),
    problem: 'is not known',
    expected: known.length === 0 ? 'nothing' : `one of ${known.join(', ')}`,
    ...(meant === undefined ? {} : { hint: `Did you mean ${meant}?` }),
  }
}

function problemAt(schema: TSchema, segments: readonly string[], value: unknown): InputProblem {
  const part = partAt(schema, segments)
  const isPrivate = segments.some((segment) => PRIVATE.has(segment))
  const hint = isPrivate ? null : hintFor(part, value)
  return {
    path: pathOf(segments),
    ...(value === undefined ? { problem: 'is missing' as const } : isPrivate ? {} : { value: shown(value) }),
    expected: expectedAt(part),
    ...(hint === null ? {} : { hint }),
  }
}

function shown(value: unknown): string {
  const text = visibleText(JSON.stringify(value))
  return text.length <= 100 ? text : `${text.slice(0, 99)}…`
}

function valueAt(value: unknown, segments: readonly string[]): unknown {
  return segments.reduce<unknown>(
    (within, name) =>
      typeof within === 'object' && within !== null && Object.hasOwn(within, name)
        ? Reflect.get(within, name)
        : undefined,
    value,
  )
}

function partAt(schema: TSchema, segments: readonly string[]): Part | undefined {
  return segments.reduce<Part | undefined>((part, name) => {
    const inside = part?.properties ?? part?.anyOf?.find(({ properties }) => properties !== undefined)?.properties
    return inside !== undefined && Object.hasOwn(inside, name) ? inside[name] : part?.items
  }, schema as Part)
}

function expectedAt(part: Part | undefined): string {
  if (part === undefined) return 'another value'
  const { anyOf, description, enum: words, maximum, maxLength, minimum, minLength, type } = part
  if (words !== undefined) return `one of ${words.join(', ')}`
  if (description !== undefined) return description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, '')
  if (anyOf !== undefined) return [...new Set(anyOf.map(expectedAt))].join(', or ')
  if (type === 'integer')
    return `a whole number${minimum === undefined ? '' : ` from ${minimum}`}${maximumInWords(maximum)}`
  if (type === 'string' && maxLength !== undefined) return `a text of ${minLength ?? 0} to ${maxLength} characters`
  if (type === 'null') return 'null'
  return typeof type === 'string' ? `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}` : 'another value'
}

const maximumInWords = (maximum = Number.MAX_SAFE_INTEGER) =>
  maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`

function hintFor(part: Part | undefined, value: unknown): string | null {
  if (part?.enum !== undefined && typeof value === 'string') {
    const meant = nearest(value, part.enum)
    return meant === undefined ? null : `Did you mean ${meant}?`
  }
  if (part?.type === 'string' && typeof value === 'number') return `Send a text: ${JSON.stringify(String(value))}.`
  if (part?.description?.startsWith('A moment') === true && typeof value === 'string') {
    const ms = Date.parse(value)
    const instant = Number.isNaN(ms) ? '' : new Date(ms).toISOString()
    if (isInstant(instant) && instant !== value) return `Did you mean ${instant}?`
  }
  return null
}
