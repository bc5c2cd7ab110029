/**
 * What schemas are built from. A schema is a JSON Schema (TypeBox) at run time, and it says in its type which values it is
 * of: so a shape is written once. All of these types are our own. A public type that names TypeBox, which is an ES module
 * only, could not be compiled by a host in CommonJS.
 */
import Type, { type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'

declare const means: unique symbol
declare const mayLack: unique symbol

/** A JSON Schema of values of the type `T`: what of its keywords is read here. */
export interface Schema<T> {
  readonly [means]: T
  readonly description?: string
  readonly properties?: Properties
  readonly required?: readonly string[]
  readonly items?: Schema<unknown>
  readonly anyOf?: readonly Schema<unknown>[]
  readonly const?: unknown
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

// Every leaf says in `description` what it expects: for readers of the schema, and for sentences about what is wrong.

export const text: Schema<string> = ours(Type.String({ description: 'a text' }))
export const flag: Schema<boolean> = ours(Type.Boolean({ description: 'true or false' }))

/** A text that has to match this pattern. */
export const matching = <Text extends string = string>(pattern: string, description: string): Schema<Text> =>
  ours(Type.String({ pattern, description }))

/** From `minimum` up to what a double holds exactly, or to `maximum`. */
export const integer = (minimum: number, maximum: number, description: string): Schema<number> =>
  ours(Type.Integer({ minimum, maximum, description }))

/** One value only. */
export const exactly = <const Value extends string | number>(value: Value, description?: string): Schema<Value> =>
  ours(description === undefined ? Type.Literal(value) : Type.Literal(value, { description }))

export const words = <const Words extends readonly string[]>(...values: Words): Schema<Words[number]> =>
  ours(Type.Enum([...values], { description: `one of ${values.join(', ')}` }))

/** What these keywords of JSON Schema say. The type is the caller's word. */
export const keywords = <T>(schema: {
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly description?: string
}): Schema<T> => ours(Type.Unsafe(schema))

/** With a test that JSON Schema has no keyword for; what is published does without it. */
export const refined = <T>(schema: Schema<T>, test: (value: T) => boolean): Schema<T> =>
  ours(Type.Refine(theirs(schema), (value) => test(value as T)))

export const ofLength = (minLength: number, maxLength: number, description: string): Schema<string> =>
  ours(Type.String({ minLength, maxLength, description }))

export const optional = <T>(schema: Schema<T>): OptionalSchema<T> =>
  Type.Optional(theirs(schema)) as unknown as OptionalSchema<T>

export const isOptional = (schema: Schema<unknown>): boolean => Type.IsOptional(theirs(schema))

export const list = <T>(items: Schema<T>): Schema<readonly T[]> =>
  ours(Type.Array(theirs(items), { description: 'a list' }))

export const record = <T>(values: Schema<T>, description: string): Schema<{ readonly [name: string]: T }> =>
  ours(Type.Record(Type.String(), theirs(values), { description }))

export const oneOf = <T>(forms: readonly Schema<T>[], description: string): Schema<T> =>
  ours(Type.Union(forms.map(theirs), { description }))

export const orNull = <T>(schema: Schema<T>, description: string): Schema<T | null> =>
  ours(Type.Union([theirs(schema), Type.Null()], { description }))

/**
 * An object without other properties. `additionalProperties: false` would say the same, and is what is published; but it
 * is compiled into a search through a pattern for each key: 285 ns for the 14 of a line, where counting them takes 21.
 */
export function object<P extends Properties>(properties: P): ObjectSchema<P> {
  const open = Type.Object(properties as unknown as TProperties)
  const { required = [] } = open as { readonly required?: readonly string[] }
  const lacking = Object.keys(properties).filter((key) => !required.includes(key))
  const closed = Type.Refine(open, (value) => {
    let allowed = required.length
    for (const key of lacking) if (Object.hasOwn(value, key)) allowed++
    return Object.keys(value).length === allowed
  })
  return ours<ObjectOf<P>>(closed)
}

// --- Checks ---------------------------------------------------------------------------------------------------------

/** A check that is compiled now, and quick. */
export function compiled<T>(schema: Schema<T>): (value: unknown) => value is T {
  const validator = Compile(theirs(schema))
  return (value): value is T => validator.Check(value)
}

/** The same without compiling, for a schema that is asked once. */
export const matches = <T>(schema: Schema<T>, value: unknown): value is T => Value.Check(theirs(schema), value)
