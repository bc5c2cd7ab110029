/**
 * The host's schemas: of the params of steps by their kind, of the data of signals by theirs. What a definition says is
 * checked when it is published, and again when a handler is called: a run may be of an older version.
 */
import {
  type CampaignDefinition,
  type CampaignProblem,
  checkedBy,
  EnfoldFault,
  type JsonObject,
  type StandardSchema,
  type StepCall,
  type StepHandler,
} from '@enfold/core'
import { redirectableAs } from './deliver-to.ts'
import * as input from './input.ts'
import type { HandlerOf } from './kinds.ts'

export interface Schemas {
  /** Of the params of steps, by their kind. The handler is called with what the schema gives. */
  readonly params?: { readonly [kind: string]: StandardSchema }
  /** Of the data of signals, by their kind. */
  readonly signals?: { readonly [kind: string]: StandardSchema }
}

/** Checks what the host gave as schemas. */
export const schemas = (path: string, value: unknown): void => {
  input.checkInput(path, value, { 'params?': byKind, 'signals?': byKind })
}

function byKind(path: string, value: unknown): void {
  input.named(path, value, 'an object of schemas by kind')
  for (const [kind, schema] of Object.entries(value as object))
    if (typeof schema?.['~standard']?.validate !== 'function')
      throw EnfoldFault.unshownInput(
        `${path}.${kind}`,
        'is no Standard Schema',
        'a schema of Zod, Valibot, ArkType …, or of a JSON Schema (TypeBox) what standardSchema(schema) returns',
      )
}

const schemaOf = (kinds: Schemas['params'], kind: string): StandardSchema | undefined =>
  kinds !== undefined && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined

/**
 * What the schemas say of the params of a definition that is well formed, each with its path. Drafts are not asked:
 * nothing of them is sent (STEP-3).
 */
export async function paramsProblems(
  { sequences }: Pick<CampaignDefinition, 'sequences'>,
  { params: kinds }: Schemas,
): Promise<CampaignProblem[]> {
  const problems: CampaignProblem[] = []
  for (const [i, { steps }] of sequences.entries())
    for (const [j, { kind, draft, params = {} }] of steps.entries()) {
      const schema = draft === true ? undefined : schemaOf(kinds, kind)
      if (schema === undefined) continue
      const path = `/sequences/${i}/steps/${j}/params`
      for (const wrong of (await checkedBy(schema, params)).problems ?? [])
        problems.push({
          path: path + wrong.path,
          message: `${wrong.message} (schema of the kind ${JSON.stringify(kind)})`,
        })
    }
  return problems
}

/** A handler was not called: the schema of its kind refuses the params. */
export class ParamsRefused extends Error {
  override readonly name = 'ParamsRefused'
}

/** Handlers that are called with what the schema of their kind gives, and throw `ParamsRefused` before that. */
export function checkingParams(handlerOf: HandlerOf, { params: kinds }: Schemas): HandlerOf {
  if (kinds === undefined) return handlerOf
  return (kind) => {
    const [handler, schema] = [handlerOf(kind), schemaOf(kinds, kind)]
    return handler === undefined || schema === undefined ? handler : checking(handler, schema)
  }
}

function checking(handler: StepHandler, schema: StandardSchema): StepHandler {
  return redirectableAs(handler, async (call: StepCall) => {
    const checked = await checkedBy(schema, call.step.params)
    if (checked.problems !== null) {
      const [{ path, message } = { path: '', message: 'is not valid' }] = checked.problems
      throw new ParamsRefused(`The step ${JSON.stringify(call.step.id)}: params${path} ${message}`)
    }
    // The schema says what it gives, and the handler is typed by it.
    return handler({ ...call, step: { ...call.step, params: checked.value as JsonObject } })
  })
}

interface Signalled {
  readonly kind: string
  readonly data: JsonObject
}

/** @throws EnfoldFault `INVALID_INPUT`: the schema of this kind of signal refuses the data. The value is not shown. */
export async function checkSignal({ kind, data }: Signalled, { signals: kinds }: Schemas): Promise<void> {
  const schema = schemaOf(kinds, kind)
  if (schema === undefined) return
  const { problems } = await checkedBy(schema, data)
  const wrong = problems?.[0]
  if (wrong !== undefined)
    throw EnfoldFault.unshownInput(
      `signal.data${wrong.path.replaceAll('/', '.')}`,
      'is refused by the schema of its kind',
      wrong.message,
    )
}
