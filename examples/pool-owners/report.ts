/** The report: what a play came to. Reads the log and asks the engine; every sentence is computed, none is known before. */
import {
  type CampaignDefinition,
  type ContactId,
  describeCause,
  describeEvent,
  describeEvidence,
  type Engine,
  type Facts,
  type Instant,
  isContactEvent,
  type RecordedContactEvent,
  type RecordedEvent,
  simulate,
} from 'enfold'
import { idInWords as named, type Timeline } from 'enfold/core'
import type { Handled, Standing } from './play.ts'
import type { Contact } from './read-contacts.ts'
import { factsAt, type Happening, simulated } from './read-happenings.ts'
import { local, run, utc, wordingFor, zoneAmong } from './words.ts'

export interface Played {
  readonly engine: Engine
  readonly campaign: CampaignDefinition
  readonly contacts: ReadonlyMap<ContactId, Contact>
  readonly happenings: readonly Happening[]
  readonly handled: ReadonlyMap<string, Handled>
  /** The whole log. */
  readonly events: readonly RecordedEvent[]
  readonly until: Instant
}

/** An order of the staff with what became of it. */
interface Order {
  readonly happening: Happening
  readonly handled: Handled
}

type Sent = Timeline['sent'][number]

export async function storyOf(played: Played): Promise<string> {
  const reader = readerOf(played)
  const sections = [
    await whoIsWhere(played),
    oneLife(reader),
    aStop(reader),
    aStartWhileActive(reader),
    aNewBeginning(reader),
    aResend(reader),
    aCancel(reader),
    fallbacks(reader),
  ]
  return sections.map((lines) => lines.join('\n')).join('\n\n')
}

// --- What the sections look things up in ----------------------------------------------------------------------------

type Reader = ReturnType<typeof readerOf>

function readerOf({ campaign, contacts, happenings, handled, events, until }: Played) {
  const byContact = new Map<ContactId, RecordedContactEvent[]>()
  for (const event of events) {
    if (!isContactEvent(event)) continue
    const id = event.stream.slice('contact-'.length)
    const mine = byContact.get(id)
    if (mine === undefined) byContact.set(id, [event])
    else mine.push(event)
  }
  const history = (id: ContactId): readonly RecordedContactEvent[] => byContact.get(id) ?? []
  const orders = happenings.flatMap((happening): Order[] => {
    const one = handled.get(happening.id)
    return one === undefined ? [] : [{ happening, handled: one }]
  })
  const of = (id: ContactId) => happenings.filter((one) => one.contact === id)

  return {
    byContact,
    history,
    orders,
    zone: (id: ContactId) => zoneAmong(contacts.get(id)?.facts.timeZone, campaign.timeZone),
    sent: (id: ContactId): readonly Sent[] =>
      history(id).flatMap(({ type, data, at }) =>
        type === 'StepSent' ? [{ at, sequenceId: data.sequenceId, run: data.run, stepId: data.stepId }] : [],
      ),
    /** What the contact is sent up to now by a simulation of all that happened, save for one thing. */
    simulated(id: ContactId, left?: Happening): readonly Sent[] {
      const mine = of(id)
      const from = mine[0]?.at ?? until
      const contact = contacts.get(id) as Contact
      const facts = (at: Instant): Facts => factsAt(contact, mine, at)
      const horizon = `PT${Math.floor((Date.parse(until) - Date.parse(from)) / 1000)}S`
      const outcome = () =>
        contact.email === '' ? { outcome: 'skipped' as const, reason: 'no-address' } : { outcome: 'sent' as const }
      const inputs = mine.filter((one) => one !== left).map(simulated)
      return simulate(campaign, { from, horizon, facts, outcome, inputs }).sent
    },
  }
}

function outcomeOf({ handled }: Order): string {
  return 'answer' in handled.result ? (handled.result.answer.outcome ?? '') : handled.result.rejection.type
}

function runOf({ handled }: Order): number {
  return 'answer' in handled.result ? (handled.result.answer.run ?? 0) : 0
}

function nextOf(standing: Standing, sequenceId: string) {
  return standing.next.find((one) => one.sequenceId === sequenceId)
}

/** "h-0215, 2026-04-02 20:57 UTC: dana …" */
function ordered({ happening: { id, at, actor, reason } }: Order, words: string): string {
  const because = reason === undefined ? '' : `: ${JSON.stringify(reason)}`
  return `  ${utc(at)}  ${actor === undefined ? 'Somebody' : named(actor)} ${words}${because} (${named(id)})`
}

// --- The sections ---------------------------------------------------------------------------------------------------

async function whoIsWhere({ engine, campaign }: Played): Promise<string[]> {
  const counts = await engine.inspect.counts({ campaignId: campaign.id })
  const rows = [['  sequence', 'in progress', 'waiting', 'for example']]
  for (const { sequenceId, active, waiting } of counts) {
    const query = { campaignId: campaign.id, sequenceId, status: 'either', limit: 4 } as const
    const { contacts, next } = await engine.inspect.contactsInSequence(query)
    const ids = `${contacts.map(named).join(', ')}${next === null ? '' : ', …'}`
    rows.push([`  ${named(sequenceId)}`, String(active), String(waiting), ids])
  }
  return ['Contacts in each sequence now', ...table(rows)]
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  )
}

/** The contact with the greatest variety of events. */
function oneLife({ byContact, zone }: Reader): string[] {
  let richest: { readonly id: ContactId; readonly kinds: number } | null = null
  for (const [id, events] of byContact) {
    const kinds = new Set(events.map(({ type, cause }) => `${type} by ${cause.by}`)).size
    if (richest === null || kinds > richest.kinds) richest = { id, kinds }
  }
  if (richest === null) return ['Nothing is recorded of anybody.']
  const events = byContact.get(richest.id) as readonly RecordedContactEvent[]
  const wording = wordingFor(zone(richest.id))
  return [
    `One contact's history: ${named(richest.id)}, zone ${zone(richest.id)}, ${events.length} events`,
    ...events.flatMap((event) => [
      `  ${utc(event.at)}  ${describeEvent(event, wording)}, ${describeCause(event, wording)}`,
      ...describeEvidence(event, wording).map((line) => `${' '.repeat(24)}${line}`),
    ]),
  ]
}

/** A stop after which nobody ordered anything else for the contact: what it kept back is its doing alone. */
function aStop({ orders, history, sent, simulated, zone }: Reader): string[] {
  const stops = orders.filter((order) => 'stop' in order.happening && outcomeOf(order) === 'stopped')
  const last = stops.find(
    ({ happening }) => orders.findLast((one) => one.happening.contact === happening.contact)?.happening === happening,
  )
  const stop = last ?? stops[0]
  if (stop === undefined) return ['A stop by hand', '  Nobody was stopped by hand.']
  const { happening } = stop
  const { contact } = happening
  const sequenceId = (happening as { readonly stop: string }).stop
  const went = new Set(sent(contact).map(keyOf))
  const keptBack = simulated(contact, happening).filter((one) => !went.has(keyOf(one)))
  const same = JSON.stringify(simulated(contact)) === JSON.stringify(sent(contact))
  const after = history(contact).filter(
    ({ type, data, at }) =>
      type === 'StepDispatched' && data.sequenceId === sequenceId && data.run === runOf(stop) && at > happening.at,
  )
  return [
    `A stop by hand, and the mails that therefore did not go: ${named(contact)}`,
    ordered(stop, `stopped ${run({ sequenceId, run: runOf(stop) })}`),
    `  Simulated without the stop, with all else as it was, these would have gone as well:`,
    ...keptBack.map((one) => `    ${named(one.stepId).padEnd(12)} ${local(one.at, zone(contact))}`),
    `  Simulated with the stop: ${same ? `the same ${went.size} sendings as in the log, to the minute` : 'other sendings than in the log'}.`,
    `  In the log, ${after.length} steps of that run were dispatched after the stop.`,
  ]
}

function keyOf({ sequenceId, run, stepId }: Sent): string {
  return JSON.stringify([sequenceId, run, stepId])
}

function aStartWhileActive({ orders, zone }: Reader): string[] {
  const title = 'A start while active, which changed nothing'
  const start = orders.find((order) => 'start' in order.happening && outcomeOf(order) === 'already_active')
  if (start === undefined) return [title, '  Nobody was started while active.']
  const { happening, handled } = start
  const sequenceId = (happening as { readonly start: string }).start
  const stood = (standing: Standing) => {
    const next = nextOf(standing, sequenceId)
    const due =
      next === undefined
        ? 'nothing next'
        : `next ${named(next.stepId)}, due ${local(next.dueAt, zone(happening.contact))}`
    return `${due}; ${standing.version} events`
  }
  return [
    `${title}: ${named(happening.contact)}`,
    ordered(start, `started ${named(sequenceId)}`),
    `  Answer: already_active, run ${runOf(start)}`,
    `  Before: ${stood(handled.before)}`,
    `  After:  ${stood(handled.after)}`,
  ]
}

function aNewBeginning({ orders, history, sent, zone }: Reader): string[] {
  const title = 'Stopped, then started: from the top'
  const starts = orders.filter(
    (order) => 'start' in order.happening && outcomeOf(order) === 'started' && runOf(order) > 1,
  )
  for (const start of starts) {
    const { contact } = start.happening
    const sequenceId = (start.happening as { readonly start: string }).start
    const before = history(contact).findLast(
      ({ type, data, at, cause }) =>
        type === 'SequenceStopped' &&
        data.sequenceId === sequenceId &&
        cause.by === 'operator' &&
        at <= start.happening.at,
    )
    if (before === undefined) continue
    const mails = (number: number) =>
      sent(contact)
        .filter((one) => one.sequenceId === sequenceId && one.run === number)
        .map((one) => `    ${named(one.stepId).padEnd(12)} ${local(one.at, zone(contact))}`)
    return [
      `${title}: ${named(contact)}`,
      `  Run ${runOf(start) - 1}, stopped ${utc(before.at)}, ${describeCause(before)}`,
      ...mails(runOf(start) - 1),
      ordered(start, `started run ${runOf(start)}`),
      ...mails(runOf(start)),
    ]
  }
  return [title, '  Nobody was stopped and then started.']
}

function aResend({ orders, history, zone }: Reader): string[] {
  const title = 'One step sent again'
  const resend = orders.find((order) => 'resend' in order.happening && outcomeOf(order) === 'resent')
  if (resend === undefined) return [title, '  Nothing was sent again.']
  const { happening, handled } = resend
  const [sequenceId, stepId] = (happening as { readonly resend: readonly [string, string] }).resend
  const sendings = history(happening.contact).flatMap(({ type, data, at }) =>
    type === 'StepSent' && data.sequenceId === sequenceId && data.stepId === stepId && data.run === runOf(resend)
      ? [
          `    ${data.resend === 0 ? 'as scheduled' : `resend ${data.resend}`.padEnd(12)} ${utc(at)}  ${data.receipt ?? ''}`,
        ]
      : [],
  )
  const stood = (standing: Standing) => {
    const next = nextOf(standing, sequenceId)
    return next === undefined ? 'nothing' : `${named(next.stepId)}, due ${local(next.dueAt, zone(happening.contact))}`
  }
  return [
    `${title}: ${named(happening.contact)}`,
    ordered(resend, `sent ${named(stepId)} again`),
    ...sendings,
    `  The schedule did not move. Next before: ${stood(handled.before)}. Next after: ${stood(handled.after)}.`,
  ]
}

function aCancel({ orders, sent, simulated, zone }: Reader): string[] {
  const title = 'One step cancelled, the next one still on its day'
  for (const cancel of orders) {
    const { happening } = cancel
    if (!('cancel' in happening) || outcomeOf(cancel) !== 'cancelled') continue
    const [sequenceId, stepId] = happening.cancel
    const mine = (one: Sent) => one.sequenceId === sequenceId && one.run === runOf(cancel)
    const planned = simulated(happening.contact, happening).filter(mine)
    const went = new Map(
      sent(happening.contact)
        .filter(mine)
        .map((one) => [one.stepId, one.at]),
    )
    const place = planned.findIndex((one) => one.stepId === stepId)
    const next = planned[place + 1]
    if (place < 0 || next === undefined || !went.has(next.stepId)) continue
    const on = (at: Instant | undefined) => (at === undefined ? 'not sent' : local(at, zone(happening.contact)))
    return [
      `${title}: ${named(happening.contact)}`,
      ordered(cancel, `cancelled ${named(stepId)}`),
      ...table([
        ['   ', 'simulated without the cancel', 'in the log'],
        ...planned
          .slice(Math.max(0, place - 1), place + 3)
          .map((one) => [`    ${named(one.stepId)}`, on(one.at), on(went.get(one.stepId))]),
      ]),
    ]
  }
  return [title, '  Nothing was cancelled ahead of another step.']
}

/** What was not done as asked, and why: skipped, failed, refused, timed by another zone. */
function fallbacks({ byContact, orders }: Reader): string[] {
  const tally = new Map<string, ContactId[]>()
  const note = (text: string, id: ContactId) => tally.set(text, [...(tally.get(text) ?? []), id])
  for (const [id, events] of byContact)
    for (const { type, data } of events) {
      if (type === 'StepSkipped') note(`${data.sequenceId}/${data.stepId} skipped: ${data.reason}`, id)
      if (type === 'StepFailed' && data.consequence !== 'retry')
        note(`${data.sequenceId}/${data.stepId} failed: ${data.reason}`, id)
      if (type === 'StepDispatched' && data.timing?.invalidTimeZone !== undefined)
        note(`${JSON.stringify(data.timing.invalidTimeZone)} is no zone, timed by ${data.timing.timeZone}`, id)
    }
  for (const { happening, handled } of orders)
    if ('rejection' in handled.result) note(`refused: ${handled.result.rejection.type}`, happening.contact)
  const lines = [...tally].sort(([a], [b]) => (a < b ? -1 : 1))
  if (lines.length === 0) return ['All went as asked.']
  return [
    'What was skipped, refused or done otherwise',
    ...lines.map(([text, ids]) => {
      const some = [...new Set(ids)]
      return `  ${String(ids.length).padStart(4)}  ${text} (${some.slice(0, 3).map(named).join(', ')}${some.length > 3 ? ', …' : ''})`
    }),
  ]
}
