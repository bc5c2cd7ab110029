/**
 * The questions that an auditor asks of a log, each answered twice: as JSON for programs, as text for people (AUDIT-2 to
 * AUDIT-4). What the answers mean is in `@enfold/core`; the arguments are read in `index.ts`.
 */
import {
  type ContactId,
  type ContactState,
  compareIds,
  createCatalog,
  describeCause,
  describeCounter,
  describeDelivery,
  describeEvent,
  describeEvidence,
  describeNotSatisfied,
  type Instant,
  isCampaignEvent,
  type NamedMembership,
  parseTag,
  type RecordedContactEvent,
  type RecordedEvent,
  type StepRef,
} from '@enfold/core'
import {
  changesOf,
  diff,
  explain,
  explainNot,
  explainNotSatisfied,
  type GoalQuestion,
  type LogPlace,
  nowFor,
  type Seal,
  stateAt,
  type Verified,
  verify,
} from '@enfold/core/log'
import { createEngine, type StateDifference } from '@enfold/engine'
import { type Ahead, aheadIn, aheadOf, markOf, NOT_AHEAD, withAhead } from './ahead.ts'
import { InvalidLogError } from './errors.ts'
import type { Partition } from './partitions.ts'
import type { Source } from './source.ts'
import { counted, named, type Paint, plain, sequenceName, table } from './text.ts'

export interface Answer {
  readonly json: unknown
  text(paint: Paint): string
  /** True: something is wrong, exit status 1. Default false. */
  readonly fault?: boolean
  /** Events after now that the answer rests on: said on the error output, where people read. */
  readonly ahead?: Ahead
}

/** No event can be later. */
export const END: Instant = '9999-12-31T23:59:59.999Z'

/** How many contacts are named where a sequence is only counted. */
const FEW = 5

// --- Many contacts --------------------------------------------------------------------------------------------------

export async function queryReplay(source: Source, at: Instant | null, now: Instant): Promise<Answer> {
  const partitions = await source.ask({ ask: 'replay', until: at, now })
  const ahead = aheadOf(partitions.map((partition) => partition.ahead))
  const [events, contacts] = [
    sum(partitions.map((partition) => partition.events)),
    sum(partitions.map((partition) => partition.contacts)),
  ]
  const position = Math.max(...partitions.map((partition) => partition.position))
  const tags = [...new Set(partitions.flatMap(({ lists }) => [...lists.keys()]))].sort(compareIds)
  const sequences = tags.map((tag) => {
    const { campaignId, sequenceId, waiting } = parseTag(tag) as NonNullable<ReturnType<typeof parseTag>>
    const status = waiting ? 'waiting' : 'active'
    return { campaignId, sequenceId, status, ...membersIn(partitions, tag) }
  })
  return {
    json: { at, events, contacts, position, ahead, sequences },
    ahead,
    text: (paint) =>
      [
        `${counted(events, 'event')} of ${counted(contacts, 'contact')}${at === null ? '' : ` until ${at}`}`,
        '',
        table(
          paint,
          ['sequence', 'status', 'contacts', 'who'],
          sequences.map((one) => [
            sequenceName(one),
            one.status,
            String(one.contacts.length),
            `${memberNames(one, named).slice(0, FEW).join(', ')}${one.contacts.length > FEW ? ', …' : ''}`,
          ]),
        ),
      ].join('\n'),
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

/** Contacts; where any is there for a key, a contact once for each of its keys, and the keys in the same order (KEY-4). */
interface MemberList {
  readonly contacts: readonly ContactId[]
  readonly keys?: readonly string[]
}

/** What all partitions list under a tag, by contact id. */
function membersIn(partitions: readonly Partition[], tag: string): MemberList {
  const members = partitions
    .flatMap(({ lists }) => lists.get(tag) ?? [])
    .sort((a, b) => compareIds(a.contactId, b.contactId) || compareIds(a.key ?? '', b.key ?? ''))
  const contacts = members.map(({ contactId }) => contactId)
  return members.every(({ key }) => key === undefined)
    ? { contacts }
    : { contacts, keys: members.map(({ key }) => key ?? '') }
}

/** Each contact, with its key where it has one: "ann", "ann for cart-7". */
function memberNames({ contacts, keys = [] }: MemberList, word: (text: string) => string): readonly string[] {
  return contacts.map((contactId, i) => {
    const key = keys[i] ?? ''
    return key === '' ? word(contactId) : `${word(contactId)} for ${word(key)}`
  })
}

export async function queryMembers(
  source: Source,
  sequence: { readonly campaignId: string; readonly sequenceId: string },
  status: 'active' | 'waiting' | 'either',
  at: Instant | null,
  now: Instant,
): Promise<Answer> {
  const partitions = await source.ask({ ask: 'members', ...sequence, status, at: at ?? END, now })
  const ahead = aheadOf(partitions.map((partition) => partition.ahead))
  const members = membersIn(partitions, '')
  if (!partitions.some(({ known }) => known))
    throw new InvalidLogError(`The log tells of no sequence ${sequenceName(sequence)}. See: enfold replay.`)
  return {
    json: { ...sequence, status, at, ahead, total: members.contacts.length, ...members },
    ahead,
    text: () => memberNames(members, plain).join('\n'),
  }
}

export async function queryDiff(source: Source, from: Instant, to: Instant): Promise<Answer> {
  const contacts = await diff(source.batches(), from, to)
  const tags = (list: readonly NamedMembership[]) => list.map(tagInWords).join(', ')
  return {
    json: { from, to, contacts },
    text: (paint) =>
      table(
        paint,
        ['contact', 'left', 'entered', 'events'],
        contacts.map((one) => [named(one.contactId), tags(one.left), tags(one.entered), String(one.events.length)]),
      ),
  }
}

function tagInWords(one: NamedMembership): string {
  const { tag, key = '' } = typeof one === 'string' ? { tag: one } : one
  const parsed = parseTag(tag)
  return parsed === null ? named(tag) : `${sequenceName({ ...parsed, key })}${parsed.waiting ? ' (waiting)' : ''}`
}

export async function queryStats(source: Source, now: Instant): Promise<Answer> {
  const types = new Map<string, number>()
  const streams = { contacts: new Set<string>(), campaigns: new Set<string>() }
  let [events, first, last]: [number, Instant | null, Instant | null] = [0, null, null]
  let ahead = NOT_AHEAD
  for await (const batch of source.batches())
    for (const event of batch) {
      events += 1
      types.set(event.type, (types.get(event.type) ?? 0) + 1)
      streams[isCampaignEvent(event) ? 'campaigns' : 'contacts'].add(event.stream)
      if (first === null || event.at < first) first = event.at
      if (last === null || event.at > last) last = event.at
      if (event.at > now) ahead = withAhead(ahead, event.at)
    }
  const byType = [...types].map(([type, count]) => ({ type, count })).sort((a, b) => b.count - a.count)
  const totals = { events, contacts: streams.contacts.size, campaigns: streams.campaigns.size, first, last, ahead }
  return {
    json: { ...totals, byType },
    ahead,
    text: (paint) =>
      [
        `${counted(events, 'event')} of ${counted(totals.contacts, 'contact')} and ${counted(totals.campaigns, 'campaign')}`,
        ...(first === null ? [] : [`from ${first} to ${last}${last === null ? '' : markOf(last, now)}`]),
        '',
        table(
          paint,
          ['event', 'count'],
          byType.map(({ type, count }) => [type, String(count)]),
        ),
      ].join('\n'),
  }
}

const STATE_WRONG: { readonly [because in StateDifference['because']]: string } = {
  damaged: 'it is damaged',
  ahead: 'its stream does not go so far',
  differs: 'the log says otherwise',
}

/** Of a store its index too: held against the log, contact by contact (INDEX-3). With a seal: whether it still holds. */
export async function queryVerify(
  source: Source,
  given: Seal | null,
  { now, gateMs }: { readonly now: Instant; readonly gateMs: number },
): Promise<Answer> {
  const verified = await verify(source.batches(), { now, gateMs, ...(given === null ? {} : { seal: given }) })
  const { events, contacts, hashed, warningCount } = verified
  const lined = <T extends LogPlace>({ number, ...found }: T) => ({ line: source.lineOf(number), ...found })
  const [faults, warnings] = [verified.faults.map(lined), verified.warnings.map(lined)]
  const index = source.store === null ? null : await createEngine({ store: source.store, handlers: {} }).verifyIndex()
  const differences = index?.differences ?? []
  const counters = index?.counters ?? []
  const states = index?.states ?? []
  const wrong = differences.length + counters.length + states.length
  const seal = given === null ? null : standingOf(given, verified, source)
  return {
    json: { events, contacts, hashed, faults, warnings, warningCount, index, seal },
    fault: faults.length > 0 || wrong > 0 || seal?.breach != null,
    text: (paint) =>
      [
        ...faults.map(
          ({ line, rule, stream, version, message }) =>
            `${plain(source.name)}:${line}: ${paint('red', rule)}: ${plain(message)} (${named(stream)}, version ${version})`,
        ),
        ...warnings
          .slice(0, SHOWN_WARNINGS)
          .map(
            ({ line, warning, stream, version, message }) =>
              `${plain(source.name)}:${line}: ${paint('bold', warning)}: ${plain(message)} (${named(stream)}, version ${version})`,
          ),
        ...differences.map(
          ({ contactId, expected, found, byState }) =>
            `${paint('red', 'INDEX-3')}: ${named(contactId)} has ${tagsInWords(found)} in the index; the log says ${tagsInWords(expected)}, the state ${tagsInWords(byState)}`,
        ),
        ...counters.map(
          (one) =>
            `${paint('red', 'FUNNEL-2')}: ${plain(describeCounter(one))}: ${one.found}; the log says ${one.expected}`,
        ),
        ...states.map(
          ({ contactId, version, because }) =>
            `${paint('red', 'LOG-1')}: the stored state of ${named(contactId)}, version ${version}: ${STATE_WRONG[because]}`,
        ),
        ...(seal?.breach == null
          ? []
          : [`${plain(source.name)}:${seal.breach.lines}: ${paint('red', 'seal')}: ${seal.breach.message}`]),
        `${counted(events, 'event')} of ${counted(contacts, 'contact')}: ${counted(faults.length, 'fault')}`,
        ...(warningCount === 0
          ? []
          : [
              `${counted(warningCount, 'warning')}, which break no rule${warningCount > SHOWN_WARNINGS ? `; the first ${SHOWN_WARNINGS} are shown, --json has up to 1,000` : ''}`,
            ]),
        hashed === 0 ? 'The log has no hash chain.' : `Hash chain: ${counted(hashed, 'event')}`,
        ...(seal === null
          ? []
          : [
              `Seal of ${seal.sealedAt} over ${counted(seal.events, 'event')}: ${seal.breach === null ? paint('bold', 'holds') : paint('red', 'broken')}${seal.after > 0 ? `; ${counted(seal.after, 'event')} came after it` : ''}`,
            ]),
        ...(index === null
          ? []
          : [`Index held against the log for ${counted(index.contacts, 'contact')}: ${counted(wrong, 'difference')}`]),
      ].join('\n'),
  }
}

/** Of a clock that went back there may be as many as events. */
const SHOWN_WARNINGS = 20

interface SealStanding {
  readonly sealedAt: Instant
  readonly events: number
  readonly after: number
  /** `lines`: "7", or "1-8" where the first event that was changed lies among these. */
  readonly breach: null | { readonly lines: string; readonly message: string }
}

function standingOf({ sealedAt, events }: Seal, { seal, faults }: Verified, source: Source): SealStanding {
  const { after = 0, breach = null } = seal ?? {}
  if (breach === null) return { sealedAt, events, after, breach }
  // A fault of the log within these lines says exactly which it is.
  const exact = faults.find(({ number }) => number >= breach.from && number <= breach.to)?.number
  const [from, to] = exact === undefined ? [breach.from, breach.to] : [exact, exact]
  const message = exact === undefined ? breach.message : 'is not the event that was sealed'
  const [first, last] = [source.lineOf(from), source.lineOf(to)]
  return { sealedAt, events, after, breach: { lines: first === last ? `${first}` : `${first}-${last}`, message } }
}

const tagsInWords = (tags: readonly NamedMembership[]) =>
  tags.length === 0 ? 'nothing' : tags.map(tagInWords).join(', ')

// --- One contact ----------------------------------------------------------------------------------------------------

export async function queryState(
  source: Source,
  contactId: ContactId,
  at: Instant | null,
  now: Instant,
): Promise<Answer> {
  const { history } = await read(source, contactId)
  requireKnown(contactId, history)
  const state = await stateAt(history, contactId, at ?? END)
  const ahead = aheadIn(history, now, at)
  return { json: { contactId, at, ahead, state }, ahead, text: (paint) => stateInWords(paint, contactId, state) }
}

function stateInWords(paint: Paint, contactId: ContactId, state: ContactState): string {
  const { suppressed, erased, enrollments, version } = state
  const standing = [
    counted(version, 'event'),
    ...(suppressed === null
      ? []
      : [`suppressed ${suppressed.until === null ? 'without end' : `until ${suppressed.until}`}`]),
    ...(erased ? ['erased'] : []),
  ]
  const runs = enrollments.flatMap((enrollment) => enrollment.runs.map((run) => ({ enrollment, run })))
  return [
    `${paint('bold', named(contactId))}: ${standing.join(', ')}`,
    ...runs.flatMap(({ enrollment, run }) => [
      '',
      `${sequenceName(enrollment)}, run ${run.run} of version ${run.campaignVersion}: ${paint('bold', run.status)}, started ${run.startedAt}${run.endedAt === null ? '' : `, ended ${run.endedAt}`}`,
      ...(run.steps.length === 0
        ? []
        : [
            table(
              paint,
              ['  step', 'status', 'at', 'attempts', 'resends', 'reason'],
              run.steps.map((step) => [
                `  ${named(step.stepId)}`,
                step.status,
                step.at,
                String(step.attempt),
                String(step.resends.length),
                [
                  ...(step.reason === null ? [] : [named(step.reason)]),
                  ...(step.deliverTo === undefined ? [] : [describeDelivery(step.deliverTo)]),
                ].join(', '),
              ]),
            ),
          ]),
    ]),
  ].join('\n')
}

export async function queryHistory(
  source: Source,
  contactId: ContactId,
  withChanges: boolean,
  now: Instant,
): Promise<Answer> {
  const { history } = await read(source, contactId)
  requireKnown(contactId, history)
  const changes = withChanges ? changesOf(history) : history.map((event) => ({ event, patches: undefined }))
  const ahead = aheadIn(history, now)
  const instantOf = ({ at }: RecordedContactEvent) => `${at}${markOf(at, now)}`
  return {
    json: { contactId, ahead, events: withChanges ? changes : history },
    ahead,
    text: (paint) =>
      withChanges
        ? changes
            .flatMap(({ event, patches = [] }) => [
              `${event.version}  ${instantOf(event)}  ${describeEvent(event)}, ${describeCause(event)}`,
              ...patches.map(
                (patch) =>
                  `     ${paint('dim', patch.op)} ${plain(`/${patch.path.join('/')}`)} ${plain(JSON.stringify(patch.value) ?? '')}`,
              ),
            ])
            .join('\n')
        : table(
            paint,
            ['version', 'at', 'what', 'why', 'event id'],
            history.map((event) => [
              String(event.version),
              instantOf(event),
              describeEvent(event),
              describeCause(event),
              named(event.id),
            ]),
          ),
  }
}

/** Why did this happen? */
export async function queryExplain(
  source: Source,
  contactId: ContactId,
  eventId: string,
  now: Instant,
): Promise<Answer> {
  const { history } = await read(source, contactId)
  const chain = explain(history, eventId)
  const root = chain.at(-1)
  if (root === undefined)
    throw new InvalidLogError(`The history of ${named(contactId)} has no event ${named(eventId)}. See: enfold history.`)
  const ahead = aheadIn(chain, now)
  return {
    json: { contactId, eventId, ahead, chain },
    ahead,
    text: (paint) =>
      [
        ...chain.flatMap((event, i) => [
          `${i === 0 ? '' : 'because '}${event.at}${markOf(event.at, now)}  ${paint('bold', describeEvent(event))}, ${describeCause(event)}`,
          ...describeEvidence(event).map((line) => `    ${line}`),
        ]),
        `At the root: ${describeCause(root)}`,
      ].join('\n'),
  }
}

/** Why did this not happen? */
export async function queryExplainNot(
  source: Source,
  contactId: ContactId,
  step: Omit<StepRef, 'run'> & { readonly run?: number },
  at: Instant | null,
  clock: Instant,
): Promise<Answer> {
  const { history, campaigns } = await read(source, contactId)
  const now = at ?? nowFor(history, clock)
  const ahead = aheadIn(history, clock, now)
  const why = explainNot(contactId, history, step, { campaigns, now })
  return {
    json: { contactId, step, at: now, ahead, ...why },
    ahead,
    text: (paint) =>
      [
        `${named(step.stepId)} of ${sequenceName(step)} for ${named(contactId)} as of ${now}: ${paint('bold', why.reason)}${why.detail === null ? '' : ` (${plain(why.detail)})`}`,
        ...(why.dueAt === null
          ? []
          : [`due ${why.dueAt}, as far as the log knows, which holds no zone or field of the contact`]),
        ...eventLines(why.evidence, clock),
      ].join('\n'),
  }
}

/** Events that show something, with what each of them saw. */
function eventLines(events: readonly RecordedContactEvent[], clock: Instant): readonly string[] {
  return events.flatMap((event) => [
    `    ${event.at}${markOf(event.at, clock)}  ${describeEvent(event)}, ${describeCause(event)}`,
    ...describeEvidence(event).map((line) => `        ${line}`),
  ])
}

/** Why did this signal not satisfy this goal? */
export async function queryExplainGoal(
  source: Source,
  contactId: ContactId,
  question: GoalQuestion,
  clock: Instant,
): Promise<Answer> {
  const { history, campaigns } = await read(source, contactId)
  const why = explainNotSatisfied(history, question, campaigns)
  const ahead = aheadIn(why.evidence, clock)
  const { campaignId, goalId, signalId } = question
  return {
    json: { contactId, ...question, ahead, ...why },
    ahead,
    text: (paint) =>
      [
        `${named(campaignId)}/${named(goalId)} by the signal ${named(signalId)} of ${named(contactId)}: ${paint('bold', why.reason)}`,
        describeNotSatisfied(why),
        ...eventLines(why.evidence, clock),
      ].join('\n'),
  }
}

/** @throws InvalidLogError for a contact that the log does not tell of: the id may be misspelled */
function requireKnown(contactId: ContactId, history: readonly RecordedContactEvent[]): void {
  if (history.length === 0) throw new InvalidLogError(`The log tells of no contact ${named(contactId)}.`)
}

async function read(source: Source, contactId: ContactId) {
  const campaigns = createCatalog()
  const history: RecordedContactEvent[] = []
  for await (const event of source.of(contactId) as AsyncIterable<RecordedEvent>)
    if (isCampaignEvent(event)) campaigns.apply(event)
    else history.push(event)
  return { history, campaigns }
}
