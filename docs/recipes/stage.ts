/** What the recipes are played on: an engine on a store in memory, a clock that moves on demand, and what it all printed. */
import {
  type CampaignDefinition,
  createEngine,
  type Engine,
  type Facts,
  type Instant,
  isInstant,
  orThrow,
  type StepCall,
  type StepHandler,
  type Store,
} from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

export interface Stage {
  readonly engine: Engine
  readonly store: Store
  /** What the host's table of contacts holds; an id that is not in it is a contact without facts. */
  readonly people: Map<string, Facts>
  /** Moves time on, doing what falls due on the way; then it happens. Moments are in UTC: "2026-03-02 09:00". */
  at(moment: string, what: string, happen: () => Promise<unknown>): Promise<void>
  /** Moves time on, doing what falls due on the way. */
  until(moment: string): Promise<void>
  print(line: string): void
}

export interface Recipe {
  readonly campaigns: readonly CampaignDefinition[]
  /** The first moment. */
  readonly from: string
  /** More to say of a step than its kind, its id and its key. */
  readonly shows?: (call: StepCall) => string
  /** What the host does around its handlers. */
  readonly handle?: (send: StepHandler, now: () => Instant) => StepHandler
  readonly story: (stage: Stage) => Promise<void>
}

/** Only says the type, so that a recipe's story needs no annotations. */
export const recipe = (one: Recipe): Recipe => one

export function instantAt(moment: string): Instant {
  const instant = `${moment.length === 10 ? `${moment} 00:00` : moment}:00.000Z`.replace(' ', 'T')
  if (!isInstant(instant)) throw new Error(`${moment} is no moment such as "2026-03-02 09:00"`)
  return instant
}

/** "Mon 2026-03-02 09:00" */
export function shown(instant: Instant): string {
  const day = new Date(instant).toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' })
  return `${day} ${instant.slice(0, 10)} ${instant.slice(11, 16)}`
}

/** Plays a recipe, and returns what it printed. */
export async function play({
  campaigns,
  from,
  shows = () => '',
  handle = (send) => send,
  story,
}: Recipe): Promise<string> {
  const lines: string[] = []
  /** What was done at one moment, by contact: no order is promised between contacts. */
  let done: { readonly contactId: string; readonly line: string }[] = []
  const clock = createSimulatedClock(instantAt(from))
  const people = new Map<string, Facts>()
  function flush(): void {
    lines.push(
      ...done
        .sort((a, b) => (a.contactId === b.contactId ? 0 : a.contactId < b.contactId ? -1 : 1))
        .map(({ line }) => line),
    )
    done = []
  }
  function print(line: string): void {
    flush()
    lines.push(line)
  }
  const handler = handle(
    (call) => {
      const { contactId, key, step } = call
      const what = `${step.kind} ${step.id}${key === undefined ? '' : ` (${key})`} ${shows(call)}`.trimEnd()
      done.push({ contactId, line: `${shown(clock.now())}  ${contactId} → ${what}` })
      return { outcome: 'sent' }
    },
    () => clock.now(),
  )
  const store = createMemoryStore()
  const engine = createEngine({
    store,
    clock,
    contacts: { get: (contactId) => people.get(contactId) ?? {} },
    handlers: () => handler,
  })

  async function moveTo(instant: Instant): Promise<void> {
    for (;;) {
      const { wakeAt } = await engine.runDue()
      flush()
      if (wakeAt === null || wakeAt > instant) break
      clock.set(wakeAt)
    }
    clock.set(instant)
  }

  for (const campaign of campaigns) orThrow(await engine.publish(campaign))
  await story({
    engine,
    store,
    people,
    print,
    async at(moment, what, happen) {
      await moveTo(instantAt(moment))
      print(`${shown(clock.now())}  ${what}`)
      await happen()
      await engine.runDue()
    },
    until: (moment) => moveTo(instantAt(moment)),
  })
  flush()
  const { differences } = await engine.verifyIndex()
  const { faults, warnings } = await engine.inspect.verifyLog()
  const wrong = [...differences, ...faults, ...warnings]
  if (wrong.length > 0) throw new Error(`the log or its index is wrong: ${JSON.stringify(wrong)}`)
  await engine.close()
  return lines.join('\n')
}
