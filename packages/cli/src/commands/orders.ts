/** The commands that give orders: those on a campaign, and one for each verb of the table. Their words are in `order-sentences.ts`. */
import { randomUUID } from 'node:crypto'
import {
  type About,
  CAMPAIGN_VERBS,
  type Instant,
  instantOf,
  type JsonObject,
  type TakenTypes,
  type Vars,
  VERB_NAMES,
  VERBS,
  type VerbFacts,
  type VerbName,
  WAITS,
} from '@enfold/core'
import { Argument, type Command, Option } from 'commander'
import { cancelAction } from '../actions.ts'
import {
  idIn,
  instantIn,
  objectIn,
  read,
  sequenceIn,
  signedDurationIn,
  textIn,
  variableIn,
  wholeNumberIn,
} from '../arguments.ts'
import { processMany, undoMany } from '../bulk.ts'
import { pauseCampaign, publishFile, resumeCampaign, unpublish } from '../campaign-orders.ts'
import { type ContactSelector, isMany, requireList, requireOneWay } from '../contact-selector.ts'
import { dryRun } from '../dry-run.ts'
import { UsageError } from '../errors.ts'
import { type IdentifiedOrder, type Ordered, operationOf } from '../operations.ts'
import { CAMPAIGN_SENTENCES, SENTENCES } from '../order-sentences.ts'
import { requireNoCondition, runOrder } from '../run-order.ts'
import type { Streams } from '../streams.ts'
import { withEngine } from '../with-engine.ts'
import {
  actorOf,
  actorOption,
  asking,
  feeding,
  type GivenOptions,
  hosted,
  orderCommand,
  orderedBy,
  paceOf,
  selected,
  selecting,
  storeCommand,
} from './options.ts'

/** @param fail is called where something was refused or failed: exit status 1 */
export function addOrderCommands(program: Command, io: Streams, fail: () => void): void {
  const done = async (fine: Promise<boolean>) => {
    if (!(await fine)) fail()
  }
  program.commandsGroup('Orders:')
  addCampaignCommands(program, io, done)
  for (const name of VERB_NAMES) addVerb(program, io, name, done)
  addUndo(program, io, done)
  addCancelAction(program, io, done)
}

type Finish = (fine: Promise<boolean>) => Promise<void>

// --- Campaigns ------------------------------------------------------------------------------------------------------

function addCampaignCommands(program: Command, io: Streams, done: Finish): void {
  orderCommand(program, CAMPAIGN_VERBS.publish.word, CAMPAIGN_SENTENCES.publish.help)
    .argument('<file>', 'its definition as JSON; "-": the standard input')
    .option('--create', 'make the store if there is none')
    .action((url: string, path: string, options: GivenOptions & { create?: boolean }) =>
      done(publishFile(io, url, path, options.create === true, orderedBy(options), options)),
    )

  asking(orderCommand(program, CAMPAIGN_VERBS.unpublish.word, CAMPAIGN_SENTENCES.unpublish.help))
    .addArgument(new Argument('<campaign>', 'its id').argParser(idIn))
    .option('--stop-runs', 'and stop every run of it')
    .addOption(dryRunOption())
    .action((url: string, campaignId: string, options: GivenOptions & { stopRuns?: boolean; dryRun?: boolean }) =>
      done(unpublish(io, url, campaignId, options.stopRuns === true, orderedBy(options), options)),
    )
  addPauseCommands(program, io, done)
}

const dryRunOption = () => new Option('--dry-run', 'print what it would do, and write nothing')

interface PauseOptions extends GivenOptions {
  readonly dryRun?: boolean
  readonly sequence?: readonly string[]
  readonly entries?: 'open' | 'closed'
}

interface ResumeOptions extends GivenOptions {
  readonly dryRun?: boolean
  readonly overdue?: 'shift' | 'send' | 'skip'
  readonly most?: number
  readonly per?: string
}

function addPauseCommands(program: Command, io: Streams, done: Finish): void {
  const { pauseCampaign: pausing, resumeCampaign: resuming } = CAMPAIGN_VERBS
  const each = (value: string, before: readonly string[] = []) => [...before, idIn(value)]
  asking(hosted(orderCommand(program, pausing.word, CAMPAIGN_SENTENCES.pauseCampaign.help)))
    .addArgument(new Argument('<campaign>', 'its id').argParser(idIn))
    .addOption(new Option('--sequence <id>', 'only this sequence; again for more (default: all)').argParser(each))
    .addOption(new Option('--entries <how>', 'whether starts are accepted meanwhile').choices(['open', 'closed']))
    .addOption(dryRunOption())
    .action((url: string, campaignId: string, options: PauseOptions) => {
      const { sequence: sequences, entries } = options
      const asked = { ...(sequences === undefined ? {} : { sequences }), ...(entries === undefined ? {} : { entries }) }
      return done(pauseCampaign(io, url, campaignId, { ...orderedBy(options), ...asked }, options))
    })

  asking(hosted(orderCommand(program, resuming.word, CAMPAIGN_SENTENCES.resumeCampaign.help)))
    .addArgument(new Argument('<campaign>', 'its id').argParser(idIn))
    .addOption(
      new Option(
        '--overdue <how>',
        'waits are longer by the pause, what fell due goes now, or it is skipped (default: shift)',
      ).choices(['shift', 'send', 'skip']),
    )
    .addOption(new Option('--most <n>', 'at most so many overdue steps in each span').argParser(wholeNumberIn))
    .option('--per <duration>', 'with --most: the span (default: PT1H)')
    .addOption(dryRunOption())
    .action((url: string, campaignId: string, options: ResumeOptions) => {
      const { overdue = 'shift' } = options
      const pace = paceOf(options)
      const paced = pace === undefined ? {} : { pace }
      return done(resumeCampaign(io, url, campaignId, { ...orderedBy(options), overdue, ...paced }, options))
    })
}

// --- Undo -----------------------------------------------------------------------------------------------------------

interface UndoOptions extends GivenOptions {
  readonly stopSent?: true
  readonly shift?: true
  readonly actionId?: string
  readonly csv?: string
}

function addUndo(program: Command, io: Streams, done: Finish): void {
  asking(orderCommand(program, 'undo', 'undo an action over many contacts, of any verb that has an inverse'))
    .addArgument(new Argument('<action>', 'its id').argParser(idIn))
    .option('--stop-sent', 'stop the runs that it started and that have sent something (default: leave them alone)')
    .option('--shift', 'the waits of runs that go on again are longer by the gap (default: due times stand)')
    .addOption(new Option('--action-id <id>', 'of the undo: go on with this order').argParser(idIn))
    .option('--csv <file>', 'what became of each contact, as a new file')
    .action((url: string, undoes: string, options: UndoOptions) => {
      if (options.commandId !== undefined)
        throw new UsageError('Each contact has a command of its own; the order has an --action-id.')
      const { commandId: _, ...ordered } = orderedBy(options)
      const { actionId = randomUUID(), stopSent = false, shift = false } = options
      const order = { actionId, undoes, stopSent, shift, ...ordered }
      return done(withEngine(url, 'write', options, (engine) => undoMany(io, engine, order, options)))
    })
}

function addCancelAction(program: Command, io: Streams, done: Finish): void {
  const description =
    'end an action over many contacts, whichever process works on it; what it did stays done, and can be undone'
  feeding(storeCommand(program, 'cancel-action', description))
    .addArgument(new Argument('<action>', 'its id').argParser(idIn))
    .addOption(actorOption())
    .action((url: string, actionId: string, options: GivenOptions) =>
      done(cancelAction(io, url, actionId, actorOf(options), options)),
    )
}

// --- Verbs ----------------------------------------------------------------------------------------------------------

interface VerbOptions extends GivenOptions {
  readonly [option: string]: unknown
  readonly run?: number
  readonly actionId?: string
  readonly csv?: string
  readonly data?: JsonObject
  readonly signalId?: string
  readonly at?: Instant
  readonly automated?: true
  readonly dryRun?: true
}

/** What is named after the contacts, by what a verb is about. */
const NAMES: { readonly [One in About]: readonly string[] } = {
  contact: [],
  sequence: ['sequence'],
  step: ['sequence', 'step'],
  signal: ['kind'],
  received: ['signal'],
}

function addVerb(program: Command, io: Streams, name: VerbName, done: Finish): void {
  const { about, takes, word }: VerbFacts = VERBS[name]
  const { help, options: texts }: { readonly help: string; readonly options: Texts } = SENTENCES[name]
  const base = about === 'signal' ? feeding(storeCommand(program, word, help)) : orderCommand(program, word, help)
  const command = selecting(asking(hosted(base)), NAMES[about])
  for (const [option, of] of Object.entries(takes)) command.addOption(OPTIONS[of](flagOf(option), texts[option] ?? ''))
  for (const option of ABOUT_OPTIONS[about]()) command.addOption(option)
  command.option('--dry-run', 'print what it would change of the schedule, and write nothing')
  for (const option of manyOptions('key' in takes)) command.addOption(option)
  command.action((url: string, words: readonly string[], options: VerbOptions) => {
    const { selector, named } = selected(word, words, NAMES[about], options)
    requireOneWay(selector)
    requireList(selector, options)
    const taken = Object.keys(takes).flatMap((option) => {
      const given = options[option === 'vars' ? 'var' : option]
      return given === undefined ? [] : [[option, given] as const]
    })
    const what = { ...ORDERS[about](named, options), ...Object.fromEntries(taken) }
    if (isMany(selector)) return done(orderMany(io, url, name, what, selector, options))
    if (options.actionId !== undefined || options.csv !== undefined)
      throw new UsageError('--action-id and --csv go with --from FILE, --in SEQUENCE or --of-action ID.')
    const operation = operationOf(name, identified(about, what) as IdentifiedOrder<VerbName>)
    return done((options.dryRun === true ? dryRun : runOrder)(io, url, selector, operation, options))
  })
}

/** With the id by which a repeat is recognised. */
function identified(about: About, what: object): object {
  return about === 'signal' ? { signalId: randomUUID(), ...what } : what
}

type Texts = { readonly [option: string]: string }

/** "upTo" is `--up-to`. */
const flagOf = (option: string) => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const OPTIONS: { readonly [Of in keyof TakenTypes]: (flag: string, text: string) => Option } = {
  flag: (flag, text) => new Option(flag, text),
  instantOrNull: (flag, text) =>
    new Option(`${flag} <instant>`, text).argParser((value) => {
      const instant = instantIn(value)
      if (instant <= instantOf(Date.now())) throw new UsageError(`${flag} is ${instant}, which is over.`)
      return instant
    }),
  instant: (flag, text) => new Option(`${flag} <instant>`, text).argParser(instantIn),
  duration: (flag, text) => new Option(`${flag} <duration>`, text).argParser(signedDurationIn),
  step: (flag, text) => new Option(`${flag} <step>`, text).argParser(idIn),
  sequence: (flag, text) => new Option(`${flag} <id>`, text).argParser(idIn),
  wait: (flag, text) => new Option(`${flag} <wait>`, text).choices(WAITS),
  key: (flag, text) => new Option(`${flag} <key>`, text).argParser(idIn),
  command: (flag, text) => new Option(`${flag} <id>`, text).argParser(idIn),
  // One variable each time.
  vars: (_, text) => new Option('--var <name=value>', text).argParser(addVariable).default(undefined),
}

/** A variable may be called `__proto__`. */
function addVariable(text: string, before: Vars | undefined): Vars {
  const { name, value } = variableIn(text)
  return Object.fromEntries([...Object.entries(before ?? {}), [name, value]])
}

const ABOUT_OPTIONS: { readonly [One in About]: () => readonly Option[] } = {
  contact: () => [],
  sequence: () => [],
  received: () => [],
  step: () => [new Option('--run <n>', 'of this run (default: the newest)').argParser(wholeNumberIn)],
  signal: () => [
    actorOption(),
    new Option('--data <json>', 'an object, which patterns match against').argParser(objectIn),
    new Option('--signal-id <id>', 'the same id again has no second effect (default: drawn)').argParser(idIn),
    new Option('--at <instant>', 'when it happened (default: now)').argParser(instantIn),
    new Option('--automated', 'a program caused it and no person, such as a mail scanner'),
  ],
}

const manyOptions = (takesKey: boolean) => [
  new Option('--action-id <id>', 'with --from, --in or --of-action: go on with this order').argParser(idIn),
  new Option('--csv <file>', 'with --from, --in or --of-action: what became of each contact, as a new file'),
  ...(takesKey
    ? [new Option('--key-column <name>', 'with --from: the column of keys, of a sequence with keys').argParser(textIn)]
    : []),
]

/** What the engine takes, but for the contact and the options of the verb. */
const ORDERS: { readonly [One in About]: (named: readonly string[], options: VerbOptions) => object } = {
  contact: (_, options) => orderedBy(options),
  sequence: ([sequence = ''], options) => ({ ...read(sequenceIn, sequence), ...orderedBy(options) }),
  step: ([sequence = '', step = ''], { run, ...options }) => ({
    ...read(sequenceIn, sequence),
    stepId: read(idIn, step),
    ...(run === undefined ? {} : { run }),
    ...orderedBy(options),
  }),
  received: ([signal = ''], options) => ({ signalId: read(idIn, signal), ...orderedBy(options) }),
  signal: ([kind = ''], { data = {}, signalId, at, automated, ...options }) => ({
    kind: read(textIn, kind),
    data,
    ...(signalId === undefined ? {} : { signalId }),
    actor: actorOf(options),
    ...(at === undefined ? {} : { occurredAt: at }),
    ...(automated === true ? { automated } : {}),
  }),
}

/** All contacts of a file, a sequence or another action are one action, which can be resumed. */
function orderMany(
  io: Streams,
  url: string,
  name: VerbName,
  what: object,
  selector: ContactSelector,
  options: VerbOptions,
): Promise<boolean> {
  if (options.commandId !== undefined)
    throw new UsageError('Each contact of a list has a command of its own; the order has an --action-id.')
  const { actionId = randomUUID() } = options
  const operation = operationOf(name, what as IdentifiedOrder<VerbName>)
  const { actor, reason } = what as Pick<Ordered, 'actor' | 'reason'>
  const order = { operation, selector, actionId, actor, ...(reason === undefined ? {} : { reason }) }
  return withEngine(url, options.dryRun === true ? 'read' : 'write', options, async (engine, store) => {
    await requireNoCondition(operation.signalKind, store, options)
    return processMany(io, engine, order, options)
  })
}
