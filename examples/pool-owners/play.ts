/**
 * Plays happenings on an engine: time goes to each happening or due instant in turn, whichever is first. What became of
 * each happening is kept in a file, line by line, so that a later run can go on where this one ended.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { CampaignId, ContactId, Engine, Instant, Rejection, RunRef, StepId } from 'enfold'
import type { SimulatedClock } from 'enfold/testing'
import type { Happening } from './read-happenings.ts'

/** What a happening came to, and how its contact stood right before and right after. */
export interface Handled {
  readonly id: string
  readonly at: Instant
  readonly result: Result
  readonly before: Standing
  readonly after: Standing
}

/** As the engine's verbs answer, in a form that survives a file. */
export type Result =
  | { readonly rejection: Rejection }
  | { readonly answer: { readonly outcome?: string; readonly run?: number; readonly [key: string]: unknown } }

export interface Standing {
  /** Of the contact's stream: the count of its events. */
  readonly version: number
  /** The next step of each run in progress. */
  readonly next: readonly (RunRef & { readonly stepId: StepId; readonly dueAt: Instant })[]
}

/** The file in which what was handled is kept. A last line that was cut by a crash counts as not written. */
export function createJournal(path: string) {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  const handled = new Map(lines.map((line) => JSON.parse(line) as Handled).map((one) => [one.id, one]))
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return {
    handled: handled as ReadonlyMap<string, Handled>,
    write(one: Handled) {
      handled.set(one.id, one)
      appendFileSync(path, `${JSON.stringify(one)}\n`)
    },
  }
}

export type Journal = ReturnType<typeof createJournal>

export interface Play {
  readonly engine: Engine
  readonly clock: SimulatedClock
  readonly campaignId: CampaignId
  /** By instant. Those that the journal has are left out. */
  readonly happenings: readonly Happening[]
  readonly journal: Journal
  readonly until: Instant
  /** Told after each stop of the clock; `sent` counts from the beginning of this play. */
  readonly onStep: (now: Instant, sent: number) => void
}

export async function play({ engine, clock, campaignId, happenings, journal, until, onStep }: Play): Promise<void> {
  const queue = happenings.filter(({ id }) => !journal.handled.has(id)).reverse()
  let { wakeAt, sent } = await engine.runDue()
  for (;;) {
    const next = queue.at(-1)
    const at = next !== undefined && (wakeAt === null || next.at <= wakeAt) ? next.at : wakeAt
    if (at === null || at > until) break
    if (at > clock.now()) clock.set(at)
    // What happens at the instant at which a step is due comes first, as it does in `simulate`.
    for (let one = queue.at(-1); one !== undefined && one.at <= clock.now(); one = queue.at(-1)) {
      queue.pop()
      const before = await standingOf(engine, one.contact)
      const result = await handOver(engine, campaignId, one)
      journal.write({ id: one.id, at: clock.now(), result, before, after: await standingOf(engine, one.contact) })
    }
    const counts = await engine.runDue()
    wakeAt = counts.wakeAt
    sent += counts.sent
    onStep(clock.now(), sent)
  }
  if (until > clock.now()) clock.set(until)
}

/** Makes the engine's verb of a line. The line's id is the command id: handed over again, it has no second effect. */
export async function handOver(engine: Engine, campaignId: CampaignId, one: Happening): Promise<Result> {
  const answered = await order(engine, campaignId, one)
  return 'left' in answered ? { rejection: answered.left } : { answer: { ...answered.right } }
}

function order(engine: Engine, campaignId: CampaignId, one: Happening) {
  const { id, at, contact: contactId, actor = null, reason } = one
  if ('signal' in one) return engine.signal({ contactId, ...one.signal, signalId: id, occurredAt: at, actor })
  const mine = { contactId, commandId: id, actor, ...(reason === undefined ? {} : { reason }) }
  const of = (sequenceId: string) => ({ ...mine, campaignId, sequenceId })
  if ('start' in one) return engine.startSequence(of(one.start))
  if ('stop' in one) return engine.stopSequence(of(one.stop))
  if ('restart' in one) return engine.restartSequence(of(one.restart))
  if ('pause' in one) return engine.pauseSequence(of(one.pause))
  if ('resume' in one) return engine.resumeSequence({ ...of(one.resume), shift: one.shift === true })
  if ('resend' in one) return engine.resendStep({ ...of(one.resend[0]), stepId: one.resend[1] })
  if ('cancel' in one) return engine.cancelStep({ ...of(one.cancel[0]), stepId: one.cancel[1] })
  if ('suppress' in one) return engine.suppress({ ...mine, until: one.suppress.until })
  return engine.stopAll(mine)
}

async function standingOf(engine: Engine, contactId: ContactId): Promise<Standing> {
  const { version, enrollments } = await engine.inspect.contact(contactId)
  const next = enrollments.flatMap(({ campaignId, sequenceId, run, next }) =>
    next === null ? [] : [{ campaignId, sequenceId, run, ...next }],
  )
  return { version, next }
}
