/**
 * What schemas are built from. A schema is a JSON Schema (TypeBox) at run time, and it says in its type which values it is
 * of: so a shape is written once. All of these types are our own. A public type that names TypeBox, which is an ES module
 * only, could not be compiled by a host in CommonJS.
 */
import type { TProperties, TSchema } from 'typebox'
// As a namespace: the default export is an object that holds all of TypeBox, its parser of TypeScript as well.
import * as Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Settings } from 'typebox/system'
import { Check as isOf } from 'typebox/value'
import type { JsonScalar } from './json.ts'

declare const means: unique symbol
declare const mayLack: unique symbol

/** A JSON Schema of values of the type `T`: what of its keywords is read here. */
export interface Schema<T> {
  readonly [means]: T
  readonly description?: string
  readonly $comment?: string
  readonly properties?: Properties
  readonly required?: readonly string[]
  readonly items?: Schema<unknown>
  readonly anyOf?: readonly Schema<unknown>[]
  readonly const?: unknown
  readonly enum?: readonly string[]
  readonly type?: string | readonly string[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly patternProperties?: Properties
}

/** Of a property that an object may lack. */
export interface OptionalSchema<T> extends Schema<T> {
  readonly [mayLack]: true
}

export interface Properties {
  readonly [name: string]: Schema<unknown>
}

/** The values that a schema is of. */
export type TypeOf<S extends Schema<unknown>> = S[typeof means]

type Lacking<P> = { [Name in keyof P]: P[Name] extends OptionalSchema<unknown> ? Name : never }[keyof P]
// Mapped over names of `P` itself: so each member keeps the docstring that stands in the literal, and editors show it.
type Members<P extends Properties, Names extends keyof P> = { readonly [Name in Names]: TypeOf<P[Name]> }
// Inferred before it is mapped: so editors show the members, and not how they were computed.
type Flat<T> = T extends infer Whole ? { [Name in keyof Whole]: Whole[Name] } : never

/** The object that has these properties. */
export type ObjectOf<P extends Properties> = Flat<
  Members<P, Exclude<keyof P, Lacking<P>>> & Partial<Members<P, Lacking<P>>>
>

/** Not `Schema<ObjectOf<P>>` alone: with `P` in its name, docstrings of the properties come through into the package's types. */
export interface ObjectSchema<P extends Properties> extends Schema<ObjectOf<P>> {}

/** A union that editors show by the name of its alias: `type Cause = Named<…>`. */
export type Named<Union> = Union extends unknown ? Union : never

// The two casts between a schema of ours and one of TypeBox.
const ours = <T>(schema: TSchema) => schema as unknown as Schema<T>
const theirs = (schema: Schema<unknown>) => schema as unknown as TSchema

// --- Builders -------------------------------------------------------------------------------------------------------

/** Keywords that are for people. */
type Words = { readonly description?: string; readonly $comment?: string }
type Range = Words & { readonly minimum?: number; readonly maximum?: number }
type Size = Words & { readonly minItems?: number; readonly maxItems?: number; readonly uniqueItems?: boolean }
type Spelling = Words & { readonly minLength?: number; readonly maxLength?: number; readonly pattern?: string }

/** What these keywords of JSON Schema say. The type is the caller's word. */
export const keywords = <T>(schema: Readonly<Record<string, unknown>>): Schema<T> => ours(Type.Unsafe(schema))

export const string = <Text extends string = string>(options: Spelling = {}): Schema<Text> => ours(Type.String(options))
export const number: Schema<number> = ours(Type.Number())
export const integer = (options: Range): Schema<number> => ours(Type.Integer(options))
export const boolean = (options: Words = {}): Schema<boolean> => ours(Type.Boolean(options))
/** A text, a number, true, false or null. */
export const scalar = (options: Words = {}): Schema<JsonScalar> =>
  keywords({ type: ['string', 'number', 'boolean', 'null'], ...options })

/** One value only. */
export const literal = <const Value extends string | number | boolean>(
  value: Value,
  options: Words = {},
): Schema<Value> => ours(Type.Literal(value, options))

export const oneWordOf = <const Values extends readonly string[]>(
  values: Values,
  options: Words = {},
): Schema<Values[number]> => ours(Type.Enum([...values], options))

/** With a test that JSON Schema has no keyword for; what is published does without it. */
export const refined = <T>(schema: Schema<T>, test: (value: T) => boolean): Schema<T> =>
  ours(Type.Refine(theirs(schema), test as (value: unknown) => boolean))

/** The tests that `refined` added. */
export function testsOf(schema: Schema<unknown>): readonly ((value: unknown) => boolean)[] {
  const its = theirs(schema)
  return Type.IsRefine(its) ? its['~refine'].map(({ check }) => check) : []
}

export const optional = <T>(schema: Schema<T>): OptionalSchema<T> =>
  Type.Optional(theirs(schema)) as unknown as OptionalSchema<T>

export const isOptional = (schema: Schema<unknown>): boolean => Type.IsOptional(theirs(schema))

export const array = <T>(items: Schema<T>, options: Size = {}): Schema<readonly T[]> =>
  ours(Type.Array(theirs(items), options))

export const record = <T>(values: Schema<T>, options: Words = {}): Schema<{ readonly [name: string]: T }> =>
  ours(Type.Record(Type.String(), theirs(values), options))

export const union = <T>(forms: readonly Schema<T>[], options: Words = {}): Schema<T> =>
  ours(Type.Union(forms.map(theirs), options))

export const orNull = <T>(schema: Schema<T>, options: Words = {}): Schema<T | null> =>
  ours(Type.Union([theirs(schema), Type.Null()], options))

/** An object without other properties, each of which is named by a check. */
export const strictObject = <P extends Properties>(properties: P): ObjectSchema<P> =>
  ours<ObjectOf<P>>(Type.Object(properties as unknown as TProperties, { additionalProperties: false }))

/**
 * The same as what is published as `additionalProperties: false`, but checked by counting. That keyword is compiled into a
 * search through a pattern for each key: 285 ns for the 14 of a line, where counting them takes 21.
 */
export function counted<P extends Properties>(properties: P): ObjectSchema<P> {
  const open = Type.Object(properties as unknown as TProperties)
  const { required = [] } = open as { readonly required?: readonly string[] }
  const lacking = Object.keys(properties).filter((key) => !required.includes(key))
  const whole = Type.Refine(open, (value) => {
    let allowed = required.length
    for (const key of lacking) if (Object.hasOwn(value, key)) allowed++
    return Object.keys(value).length === allowed
  })
  return ours<ObjectOf<P>>(whole)
}

// --- Checks ---------------------------------------------------------------------------------------------------------

/** A schema with its check, compiled. */
export interface Check<T> {
  readonly schema: Schema<T>
  holds(value: unknown): value is T
  /** Everything that is wrong; empty: nothing. */
  errors(value: unknown): readonly SchemaError[]
}
export type SchemaError = ReturnType<Validator['Errors']>[number]

export function compiled<T>(schema: Schema<T>): Check<T> {
  const validator = Compile(theirs(schema))
  return {
    schema,
    holds: (value): value is T => validator.Check(value),
    errors: (value) => (validator.Check(value) ? [] : allErrors(validator, value)),
  }
}

function allErrors(validator: Validator, value: unknown): readonly SchemaError[] {
  // TypeBox stops at eight by a setting that is global; put back before anyone else can see it.
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: 1000 })
  try {
    return validator.Errors(value)
  } finally {
    Settings.Set({ maxErrors })
  }
}

/** Without compiling, for a schema that is asked once. */
export const matches = <T>(schema: Schema<T>, value: unknown): value is T => isOf(theirs(schema), value)
