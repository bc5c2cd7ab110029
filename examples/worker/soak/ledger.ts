/**
 * The log as an auditor reads it: event by event, each held against the rules, and every attempt at a sending followed
 * from its dispatch to what became of it. Knows the log only; what the mail server says of it is `judge.ts`'s affair.
 */
import {
  type CampaignEvent,
  type ContactId,
  type ContactState,
  contactOf,
  createCatalog,
  type EventStore,
  epochMsOf,
  idempotencyKeyOf,
  type RecordedContactEvent,
  type RecordedEvent,
  type StepId,
} from 'enfold'
import { evolve, initialContact } from 'enfold/core'
import { violationOf } from 'enfold/log'

export interface Attempt {
  readonly contactId: ContactId
  readonly stepId: StepId
  readonly key: string
  readonly resend: number
  readonly attempt: number
  /** Milliseconds since 1970. */
  readonly dispatchedAt: number
  readonly position: number
  /** What was recorded of it; `null`: nothing, because its worker died and another tried again. */
  end: null | {
    readonly type: string
    readonly reason: string
    readonly consequence: string
    readonly position: number
  }
  /** In flight when a worker was killed, or stood still until its lease was over. */
  killed: boolean
  /** In flight while a worker stood still, perhaps for less than its lease. */
  frozen: boolean
}

export interface Ledger {
  readonly contacts: ReadonlyMap<ContactId, ContactState>
  /** By idempotency key, in the order of the log. */
  readonly sendings: ReadonlyMap<string, readonly Attempt[]>
  /** What each command added. */
  readonly byCommand: ReadonlyMap<string, readonly RecordedEvent[]>
  /** Events that may not stand where they stand, and why. */
  readonly violations: readonly string[]
  /** Reads what is new. */
  catchUp(): Promise<void>
  /** Dispatched, and nothing recorded of it yet. */
  inFlight(): readonly Attempt[]
}

export function createLedger(store: EventStore): Ledger {
  const catalog = createCatalog()
  const contacts = new Map<ContactId, ContactState>()
  const sendings = new Map<string, Attempt[]>()
  const byCommand = new Map<string, RecordedEvent[]>()
  const violations: string[] = []
  const open = new Map<string, Attempt>()
  let position = 0

  function follow(contactId: ContactId, event: RecordedContactEvent): void {
    if (event.type === 'StepDispatched') {
      const { idempotencyKey: key, stepId, resend, attempt } = event.data
      const dispatchedAt = epochMsOf(event.at)
      const { position } = event
      const one: Attempt = {
        contactId,
        stepId,
        key,
        resend,
        attempt,
        dispatchedAt,
        position,
        end: null,
        killed: false,
        frozen: false,
      }
      sendings.set(key, [...(sendings.get(key) ?? []), one])
      open.set(key, one)
    } else if (event.type === 'StepSent' || event.type === 'StepFailed' || event.type === 'StepSkipped') {
      const key = idempotencyKeyOf({ contactId, ...event.data })
      const one = sendings.get(key)?.find((each) => each.attempt === event.data.attempt)
      const { reason = '', consequence = '' } = event.data as { reason?: string; consequence?: string }
      if (one !== undefined) one.end = { type: event.type, reason, consequence, position: event.position }
      open.delete(key)
    }
  }

  function read(event: RecordedEvent): void {
    byCommand.set(event.commandId, [...(byCommand.get(event.commandId) ?? []), event])
    const contactId = contactOf(event.stream)
    if (contactId === null) {
      catalog.apply(event as CampaignEvent & RecordedEvent)
      return
    }
    const contactEvent = event as RecordedContactEvent
    const state = contacts.get(contactId) ?? initialContact
    const violation = violationOf(contactId, state, contactEvent, catalog)
    const where = `${event.type} of ${contactId} at position ${event.position}`
    if (violation !== null) violations.push(`${where}: ${violation.rule}, ${violation.message}`)
    if (event.version !== state.version + 1)
      violations.push(`${where}: version ${event.version} after ${state.version}`)
    contacts.set(contactId, evolve(state, contactEvent))
    follow(contactId, contactEvent)
  }

  return {
    contacts,
    sendings,
    byCommand,
    violations,
    async catchUp() {
      for await (const event of store.readAll(position)) {
        read(event)
        position = event.position
      }
    },
    inFlight: () => [...open.values()],
  }
}
