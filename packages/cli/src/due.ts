/** What is due, overdue and to come: what a worker that starts now would find. Only looks. */
import { type ContactId, type Instant, instantOf } from '@enfold/core'
import type { Overdue, Upcoming } from '@enfold/engine'
import { type Answer, END } from './questions.ts'
import { counted, named, plain, sequenceName, table } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

export interface DueQuery {
  /** Empty: everyone. */
  readonly ids: readonly ContactId[]
  readonly until?: Instant
  /** Of contacts. */
  readonly limit: number
}

/** Contacts are taken in the order in which a worker would look at them, up to the limit. */
export async function queryDue(url: string, query: DueQuery, options: OrderOptions): Promise<Answer> {
  const { ids, until, limit } = query
  const span = until === undefined ? {} : { until }
  return withEngine(url, 'read', options, async (engine, store) => {
    const now = instantOf(Date.now())
    const overdue = ids.length === 0 ? await engine.inspect.overdue() : null
    const upcoming: Upcoming[] = []
    if (ids.length === 0) upcoming.push(...(await engine.inspect.upcoming({ ...span, limit })))
    for (const contactId of new Set(ids)) upcoming.push(...(await engine.inspect.upcoming({ ...span, contactId })))
    upcoming.sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
    const isCut = ids.length === 0 && (await store.agenda(until ?? END, limit + 1)).length > limit
    const withFacts = options.hostModule !== undefined
    return {
      json: { now, until: until ?? null, withFacts, overdue, upcoming, isCut },
      text: (paint) =>
        [
          ...(overdue === null ? [] : [overdueInWords(overdue), '']),
          table(
            paint,
            ['due', 'state', 'contact', 'step', 'of', 'run'],
            upcoming.map((step) => [
              step.dueAt,
              stateOf(step, now),
              named(step.contactId),
              named(step.stepId),
              sequenceName(step),
              String(step.run),
            ]),
          ),
          ...(isCut ? [`Of the first ${counted(limit, 'contact')}; --limit shows more.`] : []),
          ...faultsInWords(overdue, upcoming),
          ...(withFacts
            ? []
            : ['As far as the store knows, which holds no zone or field of a contact; --host-module FILE asks yours.']),
        ].join('\n'),
    }
  })
}

function stateOf({ status, paused, dueAt, opensAt, factsFault }: Upcoming, now: Instant): string {
  if (factsFault !== undefined) return 'without facts'
  if (paused) return 'paused'
  if (status === 'dispatched') return 'in flight'
  if (status === 'held') return 'held'
  if (opensAt !== undefined) return `its window opens ${opensAt}`
  if (dueAt <= now) return 'overdue'
  return status === 'retrying' ? 'to be retried' : 'to come'
}

/** Each reason once. */
function faultsInWords(overdue: Overdue | null, upcoming: readonly Upcoming[]): readonly string[] {
  const messages = new Map((overdue?.broken ?? []).map(({ code, message }) => [code, message]))
  for (const { factsFault } of upcoming) if (factsFault !== undefined) messages.set(factsFault.code, factsFault.message)
  return [...messages].map(([code, message]) => `Without facts, ${code}: ${plain(message)}`)
}

function overdueInWords({ contacts, oldest, dispatches, skips, broken }: Overdue): string {
  if (oldest === null && broken.length > 0)
    return `Nobody can say what is overdue of ${counted(
      broken.reduce((sum, one) => sum + one.contacts, 0),
      'contact',
    )}.`
  if (oldest === null) return 'Nothing is overdue.'
  const parts = [
    ...dispatches.map(
      ({ kind, campaignId, steps }) => `${steps.toLocaleString('en')} ${named(kind)} of ${named(campaignId)}`,
    ),
    ...skips.map(({ reason, steps }) => `${steps.toLocaleString('en')} to be skipped: ${plain(reason)}`),
  ]
  const what = parts.length === 0 ? '' : `: ${parts.join(', ')}`
  const [first] = [...dispatches, ...skips].map((one) => one.first).sort((a, b) => (a.dueAt < b.dueAt ? -1 : 1))
  const longest =
    first === undefined
      ? ''
      : `\nDue longest: ${named(first.stepId)} of ${sequenceName(first)}, for ${named(first.contactId)}`
  return `Overdue since ${oldest}, of ${counted(contacts, 'contact')}${what}${longest}`
}
