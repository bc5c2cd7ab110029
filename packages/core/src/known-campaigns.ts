/**
 * What the compiler can know of campaigns that are written in TypeScript: their ids, kinds and signals. Types only. Of a
 * campaign whose type says `string` (read from a file, from a database) nothing is known, and nothing is asked.
 */
import type { CampaignDefinition } from './definition.ts'
import type { CampaignId, SequenceId, StepId } from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import type { InputOf, StandardSchema } from './standard-schema.ts'

/** Schemas by kind: of step or of signal. */
export interface SchemasByKind {
  readonly [kind: string]: StandardSchema
}

/** What orders may name. */
export interface Names {
  /** Campaign and sequence, which belong together. */
  readonly sequence: { readonly campaignId: CampaignId; readonly sequenceId: SequenceId }
  /** Campaign, sequence and step, which belong together. */
  readonly step: { readonly campaignId: CampaignId; readonly sequenceId: SequenceId; readonly stepId: StepId }
  /** Kind and data. */
  readonly signal: { readonly kind: string; readonly data?: unknown }
}

/** Nothing is known: every name is as good as another. */
export interface AnyNames extends Names {
  readonly signal: {
    readonly kind: string
    /**
     * What patterns match against. Default {}. Plain JSON: what has a `toJSON`, as a Date, counts as what that returns, and
     * what JSON cannot say (a Map, NaN …) is refused with its place. Only what a pattern or condition reads is recorded. An
     * integer beyond 2^53 - 1 was rounded before it came here, and is refused: give such ids as strings.
     */
    readonly data?: JsonObject
  }
}

/** The names in these campaigns and schemas of signals: any, if the type of a campaign says `string`. */
export type NamesIn<Campaigns extends readonly CampaignDefinition[], Signals> = string extends
  | Campaigns[number]['id']
  | KindIn<Campaigns[number]>
  ? AnyNames
  : // Without a name of its own, so that editors show the names, and not whole campaigns.
    {
      readonly sequence: SequenceIn<Campaigns[number]>
      readonly step: StepIn<Campaigns[number]>
      readonly signal: SignalIn<Campaigns[number], Signals>
    }

type SequenceIn<C extends CampaignDefinition> = C extends CampaignDefinition
  ? { readonly campaignId: C['id']; readonly sequenceId: C['sequences'][number]['id'] }
  : never

type StepIn<C extends CampaignDefinition> = C extends CampaignDefinition
  ? StepOfSequence<C['id'], C['sequences'][number]>
  : never
type StepOfSequence<Id extends string, S extends CampaignDefinition['sequences'][number]> = S extends unknown
  ? { readonly campaignId: Id; readonly sequenceId: S['id']; readonly stepId: S['steps'][number]['id'] }
  : never

/** The kinds of steps of a campaign. */
export type KindIn<C extends CampaignDefinition> = C['sequences'][number]['steps'][number]['kind']

type PatternIn<C extends CampaignDefinition> = OneOrMany<C['goals'][number]['when']>
type OneOrMany<When> = When extends readonly (infer Pattern)[] ? Pattern : When
type DeclaredIn<C> = C extends { readonly signals: infer Signals } ? Signals : unknown

type SignalIn<C extends CampaignDefinition, Signals> = SignalOfKind<
  PatternIn<C>['kind'] | KeyOf<DeclaredIn<C>> | keyof Signals,
  C,
  Signals
>
// One by one: the keys of a union are those that all of its members have.
type KeyOf<Declared> = Declared extends unknown ? keyof Declared : never

type SignalOfKind<Kind, C extends CampaignDefinition, Signals> = Kind extends string
  ? Kind extends keyof Signals
    ? { readonly kind: Kind } & DataOf<Signals[Kind]>
    : { readonly kind: Kind; readonly data?: JsonWith<ReadName<Extract<PatternIn<C>, { readonly kind: Kind }>>> }
  : never

type DataOf<Schema> = Schema extends StandardSchema ? Data<JsonOf<InputOf<Schema>>> : never
type Data<Input> = Partial<Input> extends Input ? { readonly data?: Input } : { readonly data: Input }

/** As JSON can say it: data are plain JSON, whatever the schema would take. */
type JsonOf<T> = unknown extends T
  ? JsonValue
  : T extends JsonScalar
    ? T
    : T extends readonly (infer Item)[]
      ? readonly JsonOf<Item>[]
      : { readonly [Name in keyof T]: JsonOf<Exclude<T[Name], undefined>> }

/** Any JSON. The names are those that patterns read, for the editor to complete. */
type JsonWith<Name extends string> = JsonObject & { readonly [One in Name]?: JsonValue }
type ReadName<Pattern> = Pattern extends { readonly match: infer Match } ? keyof Match & string : never
