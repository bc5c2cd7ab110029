/**
 * From an order to its command. And how a story names a verb: `simulate` and `scenario` write the word of a verb as a
 * property, so "stop-all" becomes `stopAll`.
 */
import type { ContactCommand } from '../contact-commands.ts'
import { EnfoldFault } from '../fault.ts'
import { VERB_NAMES, VERBS, type VerbFacts, type VerbName, type VerbOf } from './index.ts'
import { TAKEN } from './verb.ts'

export type { OptionsOf } from './verb.ts'

type Property<Word extends string> = Word extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Property<Rest>>}`
  : Word

/** The word of a verb as a property: `stopAll`. */
export type StoryWord<Name extends VerbName = VerbName> = Name extends VerbName ? Property<VerbOf<Name>['word']> : never

/** Every verb by the word that a story has for it. */
export const VERB_OF_STORY: ReadonlyMap<string, VerbName> = new Map(
  VERB_NAMES.map((name) => [VERBS[name].word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), name]),
)

/**
 * The command of a verb. Of an option that is left out, `TAKEN` says what that means.
 *
 * @param order ids of what it is about, what every command carries, and options, each of its kind
 * @throws EnfoldFault `INVALID_INPUT` where one of them is missing, or they do not go together
 */
export function commandOf(name: VerbName, order: { readonly [key: string]: unknown }): ContactCommand {
  const { command: type, takes, needs, ...verb }: VerbFacts = VERBS[name]
  const missing = needs.find((option) => order[option] === undefined)
  if (missing !== undefined) throw EnfoldFault.unshownInput(`${name}.${missing}`, 'is missing', 'a value')
  const expected = verb.expects(order)
  if (expected !== null) throw EnfoldFault.unshownInput(name, 'has other options', expected)
  const options = Object.entries(takes)
    .map(([option, kind]) => [option, order[option] ?? TAKEN[kind]] as const)
    .filter(([, value]) => value !== undefined)
  return { type, ...order, ...Object.fromEntries(options) } as unknown as ContactCommand
}
