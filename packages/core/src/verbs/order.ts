/**
 * From an order to its command. And how a story names a verb: `simulate` and `scenario` write the word of a verb as a
 * property, so "stop-all" becomes `stopAll`.
 */
import type { ContactCommand } from '../contact-commands.ts'
import { VERB_NAMES, VERBS, type VerbName, type VerbOf } from './index.ts'
import { TAKEN, type TakenTypes, type Takes } from './verb.ts'

type Property<Word extends string> = Word extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Property<Rest>>}`
  : Word

/** The word of a verb as a property: `stopAll`. */
export type StoryWord<Name extends VerbName = VerbName> = Name extends VerbName ? Property<VerbOf<Name>['word']> : never

/** What a verb may be told besides what it is about. */
export type OptionsOf<Options extends Takes> = { readonly [Option in keyof Options]?: TakenTypes[Options[Option]] }

/** Every verb by the word that a story has for it. */
export const VERB_OF_STORY: ReadonlyMap<string, VerbName> = new Map(
  VERB_NAMES.map((name) => [VERBS[name].word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), name]),
)

/**
 * The command of a verb. Of an option that is left out, `TAKEN` says what that means.
 *
 * @param order ids of what it is about, what every command carries, and options; checked
 */
export function commandOf(name: VerbName, order: { readonly [key: string]: unknown }): ContactCommand {
  const { command: type, takes }: { readonly command: string; readonly takes: Takes } = VERBS[name]
  const options = Object.entries(takes)
    .map(([option, kind]) => [option, order[option] ?? TAKEN[kind]] as const)
    .filter(([, value]) => value !== undefined)
  return { type, ...order, ...Object.fromEntries(options) } as unknown as ContactCommand
}
