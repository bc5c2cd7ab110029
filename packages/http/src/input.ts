/** A request's parts, read with suspicion: path, query and body. Whatever is wrong is refused with its place. */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { problem, Refused } from './problem.ts'
import { piecesOf } from './shell.ts'

type Validator = ReturnType<typeof Compile>
const validators = new WeakMap<TSchema, Validator>()

/** Refuses with every problem, at most 20, each with its place. */
export function checkShape(schema: TSchema, value: unknown, where: string): void {
  const known = validators.get(schema)
  const validator = known ?? Compile(schema)
  if (known === undefined) validators.set(schema, validator)
  if (validator.Check(value)) return
  const problems = [...validator.Errors(value)].slice(0, 20).map(({ instancePath, message, keyword, params }) => ({
    path: where + instancePath,
    message: keyword === '~refine' ? 'is no legal id or instant' : sentence(keyword, params, message),
  }))
  throw new Refused(problem('InputInvalid', `Invalid ${where}: ${problems[0]?.message ?? 'wrong'}.`, problems))
}

function sentence(keyword: string, params: unknown, message: string): string {
  const { additionalProperties, allowedValues } = params as Record<string, readonly unknown[] | undefined>
  if (keyword === 'additionalProperties' && additionalProperties !== undefined)
    return `has unknown properties: ${additionalProperties.map((name) => JSON.stringify(name)).join(', ')}`
  if (keyword === 'enum' && allowedValues !== undefined) return `must be one of ${allowedValues.join(', ')}`
  return message
}

// --- Query ----------------------------------------------------------------------------------------------------------

/** Parameters by name, whole numbers and flags as such, objects as JSON; each at most once, and none that nobody knows. */
export function queryOf(url: URL, schema: TSchema): Record<string, unknown> {
  const properties = (schema as { readonly properties?: Record<string, TSchema> }).properties ?? {}
  const values = new Map<string, unknown>()
  for (const [name, text] of url.searchParams) {
    if (values.has(name)) throw wrongInput('query', `/${name}`, 'is given twice')
    values.set(name, parsed(Object.hasOwn(properties, name) ? properties[name] : undefined, text))
  }
  const query = Object.fromEntries(values)
  checkShape(schema, query, 'query')
  return query
}

function parsed(schema: TSchema | undefined, text: string): unknown {
  const type = (schema as { readonly type?: string } | undefined)?.type
  if (type === 'integer' && /^\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return type === 'object' ? objectIn(text) : text
}

/** What is no JSON stays a text, which is refused as no object is. */
function objectIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

// --- Body -----------------------------------------------------------------------------------------------------------

/** Deeper than this no honest document goes, and checking it could exhaust the stack. */
const MAX_DEPTH = 64

/** The body as it comes, up to a number of bytes. */
export const uploadOf = (request: Request, maxBytes: number): AsyncGenerator<Uint8Array> =>
  piecesOf(request, maxBytes, () => tooLarge(maxBytes))

/** The body as JSON; an empty one is `{}`. */
export async function jsonOf(request: Request, maxBytes: number): Promise<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  try {
    for await (const piece of uploadOf(request, maxBytes)) text += decoder.decode(piece, { stream: true })
    text += decoder.decode()
  } catch (error) {
    if (error instanceof Refused) throw error
    throw wrongInput('body', '', error instanceof TypeError ? 'is not text in UTF-8' : 'was cut short')
  }
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The parser's own sentence quotes the body.
    const at = /at position \d+/.exec((error as Error).message)
    throw wrongInput('body', '', at === null ? 'is not JSON' : `is not JSON, ${at[0]}`)
  }
  if (isDeeper(value, MAX_DEPTH)) throw wrongInput('body', '', `is nested deeper than ${MAX_DEPTH}`)
  return value
}

/** By rounds and not by recursion, which is what it protects. */
function isDeeper(value: unknown, depth: number): boolean {
  let level: unknown[] = [value]
  for (let i = 0; level.length > 0; i++) {
    if (i > depth) return true
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return false
}

/** Every body must say what it is: what a form of another site can send is none of these. */
export function mediaTypeOf(request: Request): string {
  return (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

export function wrongInput(where: string, path: string, message: string): Refused {
  return new Refused(
    problem('InputInvalid', `The ${where} ${path === '' ? '' : `${path} `}${message}.`, [
      { path: where + path, message },
    ]),
  )
}

function tooLarge(maxBytes: number): Refused {
  return new Refused(problem('BodyTooLarge', `The body has more than ${maxBytes.toLocaleString('en')} bytes.`))
}
