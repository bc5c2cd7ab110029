/**
 * A campaign, played on a real store with a simulated clock: 90 days in seconds. Reads the input, opens the engine,
 * plays, reports. Standard output is the report only; exit status 0, 2 for wrong arguments or input, 1 for anything else.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import {
  type ContactId,
  createEngine,
  epochMsOf,
  type Instant,
  instantOf,
  isEnfoldFault,
  orThrow,
  type RecordedEvent,
  type Store,
} from 'enfold'
import { derivedCommandId, idInWords as named } from 'enfold/core'
import { createSimulatedClock } from 'enfold/testing'
import {
  HELP,
  type Input,
  type Options,
  type Paths,
  prepareFolder,
  readArguments,
  readInput,
  UsageError,
} from './asked.ts'
import { look, searchIn } from './look.ts'
import { type DemoStore, openStore } from './open-store.ts'
import { createOutbox, readTemplates } from './outbox.ts'
import { createJournal, handOver, type Journal, play } from './play.ts'
import { createProgress } from './progress.ts'
import { factsAt, type Happening } from './read-happenings.ts'
import { storyOf } from './report.ts'
import { utc } from './words.ts'

const DAY_MS = 86_400_000

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2))
  if (options.help) return say(HELP)
  const input = readInput(options)
  const paths = await prepareFolder(options.out, options.keep)
  const opened = await openStore(options.store, options.out, options.keep, (line) => process.stderr.write(`${line}\n`))
  let size = ''
  try {
    mkdirSync(paths.outbox, { recursive: true })
    await run(options, input, paths, createJournal(paths.journal), opened)
  } finally {
    size = await opened.close()
  }
  say(`  ${size}`)
  say(`  The mails are in ${relative(process.cwd(), paths.outbox)}: open any of them.`)
}

// --- The play -------------------------------------------------------------------------------------------------------

async function run(options: Options, input: Input, paths: Paths, journal: Journal, opened: DemoStore): Promise<void> {
  const { store, inWords } = opened
  const { campaign, contacts, happenings } = input
  const earlier = await eventsOf(store)
  if (earlier.length === 0 && journal.handled.size > 0)
    throw new UsageError(
      `${options.out} holds a run on another store. Name that one with --store, or leave out --keep.`,
    )
  const begin = (happenings[0] as Happening).at
  const from = [begin, ...earlier.map(({ at }) => at), ...[...journal.handled.values()].map(({ at }) => at)].reduce(
    later,
  )
  const until = endOf(options, begin, from, happenings, earlier.length > 0)
  const clock = createSimulatedClock(from)

  const happeningsOf = Map.groupBy(happenings, (one) => one.contact)
  const directory = {
    get(id: ContactId) {
      const contact = contacts.get(id)
      return contact === undefined ? null : factsAt(contact, happeningsOf.get(id) ?? [], clock.now())
    },
    search: searchIn(contacts),
  }
  const templates = readTemplates(join(dirname(options.campaign), 'templates'))
  const sender = campaign.name ?? campaign.id
  const handlers = createOutbox({ folder: paths.outbox, sender, contacts, templates, clock })
  const engine = createEngine({ store, handlers: { ...handlers }, contacts: directory, clock })

  const { warnings } = orThrow(await engine.publish(campaign, { actor: 'demo' }))
  for (const { path, message } of warnings) process.stderr.write(`warning: ${path} ${message}\n`)

  const again = earlier.length === 0 ? null : await handOverAgain(engine, input, journal, store, earlier)
  const progress = createProgress(from, until)
  const startedAt = performance.now()
  await play({ engine, clock, campaignId: campaign.id, happenings, journal, until, onStep: progress.show })
  const seconds = (performance.now() - startedAt) / 1000
  progress.done()

  const events = await eventsOf(store)
  const index = await engine.verifyIndex()
  const story = await storyOf({ engine, campaign, contacts, happenings, handled: journal.handled, events, until })
  if (
    index.differences.length + index.counters.length + index.states.length > 0 ||
    (again !== null && again.different.length > 0)
  )
    process.exitCode = 1

  const mails = readdirSync(paths.outbox).filter((file) => file.endsWith('.eml')).length
  const added = events.length - earlier.length
  const report = [
    `${campaign.name ?? campaign.id}: ${utc(begin)} to ${utc(until)}, ${happenings.length} happenings`,
    ...(again === null ? [] : [wentOn(from, again)]),
    '',
    story,
    '',
    'Figures',
    `  ${events.length} events in the log, ${mails} mails in the outbox, ${contacts.size} contacts, ${index.contacts} with a history`,
    `  Index held against the log for ${index.contacts} contacts: ${index.differences.length + index.counters.length + index.states.length} differences`,
    `  ${added} events in ${seconds.toFixed(1)} s, ${Math.round(added / seconds)} events/s (${inWords})`,
  ].join('\n')
  say(report)
  if (options.console) await look(engine, clock, contacts, say)
  await engine.close()
}

function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b
}

/** Whole days from the beginning, and not before the last happening. */
function endOf({ days }: Options, begin: Instant, from: Instant, happenings: readonly Happening[], goesOn: boolean) {
  const daysGone = Math.ceil((epochMsOf(from) - epochMsOf(begin)) / DAY_MS)
  const end = goesOn ? daysGone + (days ?? 14) : (days ?? 90)
  return later(instantOf(epochMsOf(begin) + end * DAY_MS), (happenings.at(-1) as Happening).at)
}

async function eventsOf(store: Store): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of store.readAll()) events.push(event)
  return events
}

// --- Going on -------------------------------------------------------------------------------------------------------

interface Again {
  readonly repeated: number
  /** Ids of happenings whose answer is another than the first time. */
  readonly different: readonly string[]
  readonly withoutTrace: number
  readonly newEvents: number
}

/**
 * Repeats everything that left a trace in the log. What changed nothing left none, and would be decided
 * again on the present state (ONCE-1): a host that repeats keeps a journal, as this one does.
 */
async function handOverAgain(
  engine: Parameters<typeof handOver>[0],
  { campaign, happenings }: Input,
  { handled }: Journal,
  store: Store,
  earlier: readonly RecordedEvent[],
): Promise<Again> {
  const commands = new Set(earlier.map(({ commandId }) => commandId))
  const known = happenings.filter(({ id }) => handled.has(id))
  const traced = known.filter((one) => commands.has('signal' in one ? derivedCommandId('signal', one.id) : one.id))
  const different: string[] = []
  for (const one of traced) {
    const result = await handOver(engine, campaign.id, one)
    if (JSON.stringify(result) !== JSON.stringify(handled.get(one.id)?.result)) different.push(one.id)
  }
  const newEvents = (await eventsOf(store)).length - earlier.length
  return { repeated: traced.length, different, withoutTrace: known.length - traced.length, newEvents }
}

function wentOn(from: Instant, { repeated, different, withoutTrace, newEvents }: Again): string {
  const same =
    different.length === 0
      ? 'all had the answer of the first time'
      : `other answers: ${different.map(named).join(', ')}`
  return [
    `Went on from ${utc(from)}.`,
    `  Handed over again: ${repeated} happenings; ${same}, and the log got ${newEvents} new events.`,
    `  ${withoutTrace} had changed nothing and left no trace; they were not handed over again.`,
  ].join('\n')
}

// --- Output ---------------------------------------------------------------------------------------------------------

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError) && !isEnfoldFault(error)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
