/**
 * What an input of a simulation says, checked as the engine checks an order: what it would refuse must not be played as
 * something else, and what is misspelled must not be ignored.
 */
import { type Check, flag, id, instant, instantOrNull, oneOf, signedDuration, text, wholeNumber } from './checks.ts'
import { EnfoldFault, typeName } from './fault.ts'
import { isUnsafeInteger, unsafeIntegerIn } from './json.ts'
import { nearestFirst } from './nearest.ts'
import { notJsonIn } from './not-json.ts'
import { A_VARIABLE, isVariableValue } from './variables.ts'
import { VERBS, type VerbFacts, type VerbName } from './verbs/index.ts'
import { VERB_OF_STORY } from './verbs/order.ts'
import { type About, type TakenTypes, WAITS } from './verbs/verb.ts'

type Fields = { readonly [name: string]: unknown }

const run = wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** A value is not shown: it may be anything of a person. */
const vars: Check = (path, value) => {
  requireRecord(path, value)
  for (const [name, one] of Object.entries(value as Fields)) {
    if (isUnsafeInteger(one)) throw tooLarge(`${path}/${name}`)
    if (one !== null && one !== undefined && !isVariableValue(one))
      throw EnfoldFault.unshownInput(`${path}/${name}`, `is ${typeName(one)}`, A_VARIABLE)
  }
}

const data: Check = (path, value) => {
  requireRecord(path, value)
  const at = unsafeIntegerIn(value)
  if (at !== null) throw tooLarge(`${path}${at}`)
}

const OPTIONS: { readonly [Of in keyof TakenTypes]: Check } = {
  flag,
  instantOrNull,
  instant,
  duration: signedDuration,
  step: id,
  sequence: id,
  wait: oneOf(...WAITS),
  key: id,
  vars,
  command: id,
}

const SIGNAL: { readonly [property: string]: Check } = { kind: text, data, automated: flag, signalId: id }

/** What a JSON value cannot say is refused, wherever it stands. */
export function requireJson(path: string, value: unknown): void {
  for (const { keys, what, expected } of notJsonIn(value))
    throw EnfoldFault.unshownInput([path, ...keys].join('/'), what, expected)
}

/** What has a property that is not known is refused, with those that were probably meant. Values are not shown. */
export function requireKnown(path: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  const at = path === '' ? unknown : `${path}.${unknown}`
  throw EnfoldFault.unshownInput(at, 'is no known property', `one of ${nearestFirst(unknown, known).join(', ')}`)
}

/**
 * @param path of the input
 * @throws EnfoldFault `INVALID_INPUT` for what is no input
 */
export function requireTimelineInput(path: string, input: object): void {
  if (typeof input !== 'object' || input === null)
    throw EnfoldFault.invalidInput(path, input, 'an object such as { at, start }')
  const said = input as Fields
  if (isOfCampaign(input)) {
    requirePause(path, said)
    return
  }
  const { word, name } = verbOf(path, input)
  const { about, takes }: VerbFacts = VERBS[name]
  const at = `${path}.${word}`
  const options = Object.entries(takes).map(([option, of]) => [option, OPTIONS[of]] as const)
  const outside = about === 'contact' ? [] : about === 'step' ? [...options, ['run', run] as const] : options
  requireKnown(path, said, ['at', word, ...outside.map(([option]) => option)])
  requireOptions(path, said, outside)
  NAMED[about](at, said[word], options)
}

type Options = readonly (readonly [string, Check])[]

function requireOptions(path: string, given: Fields, options: Options): void {
  for (const [option, check] of options) if (given[option] !== undefined) check(`${path}.${option}`, given[option])
}

/** What the word of a verb must say, by what the verb is about. */
const NAMED: { readonly [One in About]: (path: string, value: unknown, options: Options) => void } = {
  contact(path, value, options) {
    if (value === true) return
    if (options.length === 0) throw EnfoldFault.invalidInput(path, value, 'true')
    requireRecord(path, value)
    const names = options.map(([option]) => option)
    requireKnown(path, value as object, names)
    requireOptions(path, value as Fields, options)
  },
  sequence: id,
  step(path, value) {
    if (!Array.isArray(value) || value.length !== 2)
      throw EnfoldFault.invalidInput(path, value, 'the ids of a sequence and of its step, as a list')
    for (const [i, one] of value.entries()) id(`${path}[${i}]`, one)
  },
  signal(path, value) {
    requireObject(path, value)
    requireKnown(path, value as object, Object.keys(SIGNAL))
    text(`${path}.kind`, (value as Fields).kind)
    requireOptions(path, value as Fields, Object.entries(SIGNAL))
  },
  received: id,
}

/** Which verb an input is, by its word. */
export function verbOf(path: string, input: object): { readonly word: string; readonly name: VerbName } {
  const words = [...VERB_OF_STORY].filter(([one]) => Object.hasOwn(input, one))
  // A verb may have an option that is called as another verb is: `{ resume: 'nurture', shift: true }`.
  const isOption = (one: string, of: VerbName) => Object.hasOwn(VERBS[of].takes, one)
  const [word, name] = words.find(([one]) => !words.some(([, other]) => isOption(one, other))) ?? []
  if (word === undefined || name === undefined)
    throw EnfoldFault.invalidInput(path, input, `one of ${[...VERB_OF_STORY.keys()].join(', ')}, such as { start }`)
  return { word, name }
}

/** Whether it is of the whole campaign, and no verb. */
export function isOfCampaign(input: object): boolean {
  return Object.hasOwn(input, 'pauseCampaign') || Object.hasOwn(input, 'resumeCampaign')
}

function requirePause(path: string, said: Fields): void {
  const word = Object.hasOwn(said, 'pauseCampaign') ? 'pauseCampaign' : 'resumeCampaign'
  requireKnown(path, said, ['at', word])
  const value = said[word]
  if (word === 'resumeCampaign') {
    oneOf('shift', 'send', 'skip')(`${path}.${word}`, value)
    return
  }
  if (value === true) return
  if (!Array.isArray(value)) throw EnfoldFault.invalidInput(`${path}.${word}`, value, 'true, or a list of sequences')
  for (const [i, one] of value.entries()) id(`${path}.${word}[${i}]`, one)
}

function requireRecord(path: string, value: unknown): void {
  requireObject(path, value)
  requireJson(path, value)
}

function requireObject(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw EnfoldFault.unshownInput(path, `is ${typeName(value)}`, 'an object')
}

const tooLarge = (path: string) => EnfoldFault.unshownInput(path, 'is an integer that cannot be kept exactly', 'a text')
