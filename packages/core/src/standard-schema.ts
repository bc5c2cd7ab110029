/** Schemas of the host: for params of a kind of step, and for data of a kind of signal. Any library with Standard Schema. */
import { jsonPointer, keysOfPointer } from './json.ts'
import { type Check, compiled, keywords, type SchemaError } from './schema.ts'

/**
 * What Zod, Valibot, ArkType and others give (https://standardschema.dev): an object that checks a value, and says in its
 * type which values it takes and which it gives. Of a JSON Schema, such as TypeBox makes, `standardSchema` makes one.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type Types<S extends StandardSchema> = NonNullable<S['~standard']['types']>
/** What the schema takes. */
export type InputOf<S extends StandardSchema> = Types<S>['input']
/** What the schema gives: the same, unless it converts or fills in. */
export type OutputOf<S extends StandardSchema> = Types<S>['output']

/**
 * A Standard Schema of a JSON Schema. `T` is your word for what it describes; with TypeBox: `Static<typeof schema>`.
 *
 * @example
 * const params = standardSchema<{ template: string }>({
 *   type: 'object', properties: { template: { type: 'string' } }, required: ['template'] })
 */
export function standardSchema<T>(jsonSchema: object): StandardSchema<T> {
  const schema = keywords<T>({ ...jsonSchema })
  let check: Check<T> | undefined
  return {
    '~standard': {
      version: 1,
      vendor: 'enfold',
      validate(value) {
        check ??= compiled(schema)
        if (check.holds(value)) return { value }
        const issues = check.errors(value).flatMap(issuesOf)
        return { issues }
      },
    },
  }
}

function issuesOf({ instancePath, message, keyword, params }: SchemaError): StandardIssue[] {
  const path = keysOfPointer(instancePath)
  switch (keyword) {
    case 'required':
      return requiredIn(params).map((name) => ({ path: [...path, name], message: 'is required' }))
    case 'boolean':
      return [{ path, message: 'is not a known property' }]
    case 'additionalProperties':
      return [] // Named one by one by 'boolean'.
    default:
      return [{ path, message }]
  }
}

const requiredIn = (params: unknown) =>
  (params as { readonly requiredProperties: readonly string[] }).requiredProperties

/** What a schema says is wrong: its sentence, and the place as a JSON Pointer. `null`: nothing, and what it gives. */
export async function checkedBy<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<
  | { readonly value: Output; readonly problems: null }
  | { readonly problems: readonly { readonly path: string; readonly message: string }[] }
> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return { value: result.value, problems: null }
  const problems = result.issues.map(({ path = [], message }) => ({
    path: jsonPointer(path.map((one) => String(typeof one === 'object' ? one.key : one))),
    message,
  }))
  return { problems: problems.length > 0 ? problems : [{ path: '', message: 'is not valid' }] }
}
