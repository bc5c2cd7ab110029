/** The questions: which routes of the API are tools, and how their answers are said in a few lines. */
import {
  describeCause,
  describeEvent,
  describeEvidence,
  describeNotRun,
  describeNotSatisfied,
  type Funnel,
  idInWords,
  type RecordedContactEvent,
  visibleText,
} from '@enfold/core'
import type { NotSatisfied } from '@enfold/core/log'
import type {
  AttentionView,
  CampaignSummary,
  CampaignView,
  CheckedDefinition,
  ContactForecast,
  ContactView,
  Explanation,
  ForecastTotals,
  HeldByPause,
  MembersView,
  Overdue,
  SearchView,
  SequenceCounts,
  Upcoming,
} from '@enfold/engine'
import { counted, keyInWords, reasonInWords, runName, said, sequenceName, withoutFacts } from './words.ts'

/** What an answer says goes by the type of the engine's: the route makes it of that. */
export interface Question<Answer = unknown> {
  /** The `operationId` of the route, and the name of the tool. */
  readonly route: string
  /** What the route's summary does not say, for an assistant. */
  readonly more?: string
  /** Parts of the route's input that no assistant needs. */
  readonly without?: readonly string[]
  /** What a part is if it is left out, where the API has another or no default. */
  readonly usual?: Readonly<Record<string, number>>
  /** A line each, the most important first. */
  words(answer: Answer): readonly string[]
}

/** With the type of what its route answers. */
const question = <Answer>(one: Question<Answer>): Question => one

const CAMPAIGNS: readonly Question[] = [
  question<{ readonly campaigns: readonly CampaignSummary[] }>({
    route: 'listCampaigns',
    more: 'Begin here to learn the ids.',
    words: ({ campaigns }) =>
      campaigns.length === 0 ? ['No campaign was ever published.'] : campaigns.map(campaignInWords),
  }),
  question<CampaignView>({
    route: 'getCampaign',
    words: (campaign) => [
      campaignInWords(campaign),
      ...campaign.definition.sequences.map(
        ({ id, steps }) => `Sequence ${idInWords(id)}: ${steps.map((step) => idInWords(step.id)).join(', ')}`,
      ),
      ...campaign.definition.goals.map(({ id }) => `Goal ${idInWords(id)}`),
    ],
  }),
  question<{ readonly sequences: readonly SequenceCounts[] }>({
    route: 'getCounts',
    words: ({ sequences }) =>
      sequences.map(
        ({ sequenceId, active, waiting }) =>
          `${idInWords(sequenceId)}: ${said(active)} active, ${said(waiting)} waiting`,
      ),
  }),
  question<MembersView>({
    route: 'getContactsInSequence',
    more: 'It says which contacts are in it now. The page ends at `limit`; send `next` as `after`, and `nextKey` as `afterKey` where there is one.',
    usual: { limit: 50 },
    words: ({ contacts, keys = [], next, total }) => [
      `${counted(total, 'contact')} in all; ${said(contacts.length)} here${next === null ? '' : ', more follow'}.`,
      contacts.map((contactId, i) => `${idInWords(contactId)}${keyInWords(keys[i])}`).join(', '),
    ],
  }),
  question<Funnel>({
    route: 'getFunnel',
    words: ({ campaignId, complete, goals, sequences }) => [
      `${idInWords(campaignId)}${complete ? '' : ': not complete, events are missing'}`,
      ...sequences.flatMap(({ sequenceId, started, open, completed, stopped, steps }) => [
        `${idInWords(sequenceId)}: ${said(started)} started, ${said(open)} open, ${said(completed)} completed, ${said(stopped)} stopped`,
        ...steps.map(
          ({ stepId, reached, sent, skipped, failed, held }) =>
            `  ${idInWords(stepId)}: ${said(reached)} reached, ${said(sent)} sent, ${said(skipped)} skipped, ${said(failed)} failed, ${said(held)} held`,
        ),
      ]),
      ...goals.map(({ goalId, satisfied }) => `Goal ${idInWords(goalId)}: ${said(satisfied)} satisfied`),
    ],
  }),
  question<CheckedDefinition>({
    route: 'checkCampaign',
    more: 'Send the definition as `body`.',
    words: ({ valid, problems, warnings }) => [
      valid ? 'It could be published.' : 'It could not be published.',
      ...problems.map(({ path, message }) => `Problem at ${visibleText(path)}: ${visibleText(message)}`),
      ...warnings.map(({ path, message }) => `Warning at ${visibleText(path)}: ${visibleText(message)}`),
    ],
  }),
  question<HeldByPause>({
    route: 'getHeldByPause',
    more: 'What resuming the campaign would send, under each choice.',
    words: ({ campaignId, contacts, since, steps }) => [
      since === null ? `${idInWords(campaignId)} is not paused.` : `${idInWords(campaignId)} is paused since ${since}.`,
      `${counted(contacts, 'contact')} looked at.`,
      ...steps.map(
        ({ sequenceId, stepId, overdue, choices }) =>
          `${idInWords(stepId)} of ${idInWords(sequenceId)}: ${said(overdue)} overdue; shift sends ${said(choices.shift.go)}, send ${said(choices.send.go)}, skip ${said(choices.skip.go)}`,
      ),
    ],
  }),
]

function campaignInWords({ campaignId, name, paused, published, publishedAt, version }: CampaignSummary): string {
  const standing = published ? `version ${version}, published ${publishedAt}` : `version ${version}, not published now`
  const pause = paused === undefined ? '' : `; paused since ${paused.since}`
  return `${idInWords(campaignId)} (${visibleText(name)}): ${standing}${pause}`
}

const ONE_CONTACT: readonly Question[] = [
  question<ContactView>({
    route: 'getContact',
    more: 'With `at`, the contact as it stood then; due instants of then are computed with the facts of now.',
    words: ({ contactId, version, suppressed, erased, enrollments, factsFault }) => [
      [
        `${idInWords(contactId)}: ${version === 0 ? 'nothing is recorded' : counted(version, 'event')}`,
        ...(suppressed === null
          ? []
          : [`suppressed ${suppressed.until === null ? 'without end' : `until ${suppressed.until}`}`]),
        ...(erased ? ['erased'] : []),
      ].join(', '),
      ...enrollments.map((run) => {
        const ended = run.endedAt === null ? '' : `, ended ${run.endedAt}`
        const next = run.next === null ? '' : `; next ${idInWords(run.next.stepId)}, due ${run.next.dueAt}`
        const steps = run.steps.map(
          ({ stepId, status, reason }) => `${idInWords(stepId)} ${status}${reasonInWords(reason)}`,
        )
        return `${runName(run)} of version ${run.campaignVersion}: ${run.status}, started ${run.startedAt}${ended}${next}. Steps: ${steps.join(', ')}`
      }),
      ...withoutFacts(factsFault),
    ],
  }),
  question<{ readonly events: readonly RecordedContactEvent[]; readonly next: number | null }>({
    route: 'getHistory',
    more: 'Send `next` as `after` for the next page.',
    usual: { limit: 50 },
    words: ({ events, next }) => [
      ...events.map(
        (event) =>
          `${event.version}  ${event.at}  ${describeEvent(event)}, ${describeCause(event)} [${idInWords(event.id)}]`,
      ),
      ...(events.length === 0 ? ['No events.'] : []),
      ...(next === null ? [] : [`More after version ${next}.`]),
    ],
  }),
  question<{ readonly chain: readonly RecordedContactEvent[] }>({
    route: 'explainEvent',
    more: 'Event ids are in getHistory.',
    words: ({ chain }) => chainInWords(chain),
  }),
  question<Explanation>({
    route: 'explainStep',
    more: 'Also why it did not run.',
    words: ({ step, chain, factsFault }) => [
      ...(step === null ? [] : [describeNotRun(step)]),
      ...chainInWords(chain.map(({ event }) => event)),
      ...withoutFacts(factsFault),
    ],
  }),
  question<NotSatisfied>({
    route: 'explainGoal',
    words: (why) => [
      `${describeNotSatisfied(why)}.`,
      ...why.evidence.map((event) => `${event.at}  ${describeEvent(event)}`),
    ],
  }),
  question<{ readonly steps: readonly Upcoming[] }>({
    route: 'getUpcomingOfContact',
    words: ({ steps }) => upcomingInWords(steps),
  }),
  question<ContactForecast>({
    route: 'forecastContact',
    more: 'For what a pause, a resume or another definition would change, ask once with `whatIf` and once without.',
    words: ({ contactId, until, steps, ends, held, cut, factsFault }) => [
      `${idInWords(contactId)} until ${until}, if nothing else happens:`,
      ...steps.map(
        ({ at, conditional, reason, result, shift, stepId, ...run }) =>
          `${at}  ${idInWords(stepId)} of ${runName(run)}: ${result}${reasonInWords(reason)}${shift?.gate === 'pace' ? ', at the earliest: by a pace' : ''}${conditional === true ? ', depends on a condition' : ''}`,
      ),
      ...ends.map(({ at, ...run }) => `${at}  ${runName(run)} ends`),
      ...held.map(
        ({ stepId, dueAt, ...run }) => `Waits for somebody: ${idInWords(stepId)} of ${runName(run)}, due ${dueAt}`,
      ),
      ...(cut ? ['There is more than is told here.'] : []),
      ...withoutFacts(factsFault),
    ],
  }),
]

/** The event itself first, then what led to it. */
function chainInWords(chain: readonly RecordedContactEvent[]): readonly string[] {
  return chain.flatMap((event, i) => [
    `${i === 0 ? '' : 'because '}${event.at}  ${describeEvent(event)}, ${describeCause(event)}`,
    ...describeEvidence(event).map((line) => `    ${line}`),
  ])
}

function upcomingInWords(steps: readonly Upcoming[]): readonly string[] {
  if (steps.length === 0) return ['Nothing is to come.']
  return steps.map(
    ({ contactId, dueAt, opensAt, stepId, ...run }) =>
      `${dueAt}  ${idInWords(stepId)} of ${runName(run)} for ${idInWords(contactId)}${opensAt === undefined ? '' : `, its window opens ${opensAt}`}`,
  )
}

const MANY_CONTACTS: readonly Question[] = [
  question<SearchView>({
    route: 'searchContacts',
    more: 'Send `next` as `after` for the next page. Text search needs a directory of the host.',
    usual: { limit: 50 },
    words: ({ contacts, next, total }) => [
      `${total === null ? 'Contacts' : `${counted(total, 'contact')} in all`}; ${said(contacts.length)} here${next === null ? '' : ', more follow'}.`,
      contacts.map(idInWords).join(', '),
    ],
  }),
  question<{ readonly steps: readonly Upcoming[] }>({
    route: 'getUpcoming',
    usual: { limit: 50 },
    words: ({ steps }) => upcomingInWords(steps),
  }),
  question<Overdue>({
    route: 'getOverdue',
    words: ({ contacts, oldest, dispatches, skips, broken }) => [
      oldest === null ? 'Nothing is overdue.' : `Overdue since ${oldest}, of ${counted(contacts, 'contact')}.`,
      ...dispatches.map(
        ({ kind, campaignId, steps }) => `${said(steps)} ${idInWords(kind)} of ${idInWords(campaignId)}`,
      ),
      ...skips.map(({ reason, steps }) => `${said(steps)} to be skipped: ${visibleText(reason)}`),
      ...broken.map(({ code, contacts: many }) => `${counted(many, 'contact')} without facts, ${code}`),
    ],
  }),
  question<AttentionView>({
    route: 'getAttention',
    more: 'Send `next` as `after` for the next page.',
    usual: { limit: 50 },
    words: ({ entries, next, total }) => [
      total === 0 && entries.length === 0 ? 'Nothing waits for a person.' : `${said(total)} in all.`,
      ...entries.map(({ kind, contactId, contacts, campaignId, sequenceId, key, stepId, since, reason }) => {
        const who = contactId === null ? counted(contacts, 'contact') : idInWords(contactId)
        const of =
          campaignId === null || sequenceId === null
            ? ''
            : ` of ${sequenceName({ campaignId, sequenceId, ...(key === undefined ? {} : { key }) })}`
        return `${since ?? ''}  ${kind}: ${who}${stepId === null ? '' : `, ${idInWords(stepId)}`}${of}${reasonInWords(reason)}`.trim()
      }),
      ...(next === null ? [] : ['More follow.']),
    ],
  }),
  question<ForecastTotals>({
    route: 'forecast',
    more: 'Without `sample`, 2,000 contacts stand for all; of fewer, each is played. For what a pause, a resume or another definition would change, ask once with `whatIf` and once without.',
    without: ['goOn', 'atMost'],
    usual: { sample: 2000 },
    words: ({ from, until, cells, due, contacts, unseen, broken, cut }) => [
      `From ${from} until ${until}, if nothing else happens: ${counted(due, 'contact')} have something to come, ${said(contacts)} were played.`,
      ...cells.map(
        (cell) =>
          `${cell.from}  ${idInWords(cell.stepId)} of ${sequenceName(cell)}: ${said(cell.sent)} sent${cell.error > 0 ? ` (± ${said(cell.error)})` : ''}, ${said(cell.skipped)} skipped, ${said(cell.conditional)} conditional`,
      ),
      ...broken.map(({ code, contacts: many }) => `${counted(many, 'contact')} left out, ${code}`),
      ...(unseen > 0
        ? [`Estimated from those: of what is not listed up to ${said(unseen)} may be sent, of each step.`]
        : []),
      ...(cut > 0 ? [`Of ${counted(cut, 'contact')} there is more than is counted.`] : []),
    ],
  }),
  question<{ readonly ok: boolean }>({
    route: 'getHealth',
    words: ({ ok }) => [ok ? 'Engine and store work.' : 'Work does not get done; the answer says where.'],
  }),
]

export const QUESTIONS: readonly Question[] = [...CAMPAIGNS, ...ONE_CONTACT, ...MANY_CONTACTS]
