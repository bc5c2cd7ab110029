/**
 * Holds a log against the rules, event by event (AUDIT-4): its places, its hashes, the order of events (`event-order.ts`), what
 * belongs together (`append-rules.ts`), and its publications. For readers that must not accept a log that lies:
 * `verify`, `import`, `seal`.
 */
import { AppendRules, owedAtEnd, type StreamAppends } from './append-rules.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { chainHash, digestOf, type Hash } from './chain.ts'
import { type Violation, violationOf } from './event-order.ts'
import { isCampaignEvent, type RecordedCampaignEvent, type RecordedContactEvent, type RecordedEvent } from './events.ts'
import { ContactFold } from './fold.ts'
import {
  type CampaignId,
  type ContactId,
  campaignOf,
  contactOf,
  epochMsOf,
  type Instant,
  type Position,
  type StreamId,
  type Version,
} from './ids.ts'
import { type LogPlace, type LogWarning, LogWarnings } from './log-warnings.ts'
import { pauseNow } from './pauses.ts'
import { publicationViolation } from './publication-rules.ts'

/** A fault of a log: the first event that shows it, and the rule that it breaks. */
export interface LogFault extends Violation, LogPlace {}

/** What is known of a stream. */
interface StreamHead extends StreamAppends {
  version: Version
  position: Position
  /** Of its last event, in the log. */
  number: number
  hash: Hash | null
  at: Instant
  broken: boolean
}

/** Keeps the state of each contact, and 16 bytes for each event. */
export class LogCheck {
  readonly faults: LogFault[] = []
  events = 0
  hashed = 0
  readonly #warnings: LogWarnings
  readonly #gateMs: number
  readonly #campaigns = createCatalog()
  readonly #contacts = new Map<ContactId, ContactFold>()
  readonly #heads = new Map<StreamId, StreamHead>()
  readonly #appends = new AppendRules()
  readonly #unpublishedAt = new Map<CampaignId, Instant>()
  /** Campaigns whose stream has a fault: what refers to their versions cannot be judged. */
  readonly #doubtful = new Set<CampaignId>()
  #position: Position = 0
  /** No digest of an order yet: an early release wrote it, which did not check in the append what is published. */
  #isEarly = true

  /**
   * @param options `now`: for warnings of events after it; left out: none. `gateMs`: for how long after an unpublishing a
   *   start by a late catalogue is a warning and no fault; 0 where the store checks it in the append
   */
  constructor(options: { readonly now?: Instant; readonly gateMs?: number } = {}) {
    this.#warnings = new LogWarnings(options.now ?? null)
    this.#gateMs = options.gateMs ?? 0
  }

  /** The first thousand; `warningCount` of them were found. */
  get warnings(): readonly LogWarning[] {
    return this.#warnings.kept
  }

  get warningCount(): number {
    return this.#warnings.count
  }

  get contacts(): number {
    return this.#contacts.size
  }

  /** Takes the next event of the log. Of each stream the first fault is told: what follows it cannot be judged. */
  add(event: RecordedEvent): LogFault | null {
    this.events += 1
    if (event.order !== undefined) this.#isEarly = false
    const { stream, version, position } = event
    const head = entryOf(this.#heads, stream, () => noHead(this.#heads.size))
    const violation = head.broken ? null : this.#violationOf(event, head)
    if (event.hash !== undefined) this.hashed += 1
    this.#warnings.ofClock(event, this.events, head.at)
    head.version = version
    head.position = position
    head.number = this.events
    head.hash = event.hash ?? null
    if (event.at > head.at) head.at = event.at
    this.#position = Math.max(this.#position, position)
    if (violation === null) return null
    head.broken = true
    const campaignId = campaignOf(stream)
    if (campaignId !== null) this.#doubtful.add(campaignId)
    const fault = { ...violation, number: this.events, stream, version, position }
    this.faults.push(fault)
    return fault
  }

  /**
   * Says that the log ends here: an append of which the end is missing was cut off. A log that was cut between two appends
   * is a whole log, and only a seal tells that there was more.
   */
  end(): readonly LogFault[] {
    const cut: LogFault[] = []
    for (const [stream, head] of this.#heads) {
      const violation = head.broken ? null : owedAtEnd(head)
      if (violation === null) continue
      head.broken = true
      const { number, version, position } = head
      cut.push({ ...violation, number, stream, version, position })
    }
    this.faults.push(...cut)
    return cut
  }

  #violationOf(event: RecordedEvent, head: StreamHead): Violation | null {
    const misplaced = placeViolation(event, head, this.#position)
    if (misplaced !== null) return misplaced
    return isCampaignEvent(event) ? this.#ofCampaign(event, head) : this.#ofContact(event, head)
  }

  #ofContact(event: RecordedContactEvent, head: StreamHead): Violation | null {
    const contactId = contactOf(event.stream)
    if (contactId === null) return { rule: 'LOG-1', message: `${event.type} in a stream that is no contact's` }
    const contact = entryOf(this.#contacts, contactId, () => new ContactFold())
    const { state } = contact
    const campaignId = 'campaignId' in event.data ? event.data.campaignId : null
    const campaigns = campaignId !== null && this.#doubtful.has(campaignId) ? undefined : this.#campaigns
    const violation =
      violationOf(contactId, state, event, campaigns) ??
      (campaigns === undefined ? null : (this.#whileUnpublished(event) ?? this.#whilePaused(event))) ??
      hashViolation(event, head) ??
      this.#appends.violationOf(head, event, state, campaigns ?? NO_CAMPAIGNS)
    if (violation === null) contact.add(event)
    return violation
  }

  /** Nobody enters a campaign that is not published (VERSION-3). */
  #whileUnpublished(event: RecordedContactEvent): Violation | null {
    if (event.type !== 'SequenceStarted' && event.type !== 'GoalSatisfied') return null
    const { campaignId } = event.data
    const since = this.#unpublishedAt.get(campaignId)
    if (since === undefined) return null
    const byMs = epochMsOf(event.at) - epochMsOf(since)
    const isBorne = this.#gateMs > 0 ? byMs <= this.#gateMs : this.#isEarly && byMs <= 0
    if (!isBorne)
      return { rule: 'VERSION-3', message: `${event.type} of a campaign that is not published since ${since}` }
    this.#warnings.add(
      event,
      this.events,
      'late-catalogue',
      Math.abs(byMs),
      `was decided before the campaign was known to be unpublished at ${since}`,
    )
    return null
  }

  /**
   * Nothing begins while the campaign is paused (GATE-2). What was checked before the pause may stand after it in the log:
   * it is waited for before the pause is answered.
   */
  #whilePaused(event: RecordedContactEvent): Violation | null {
    if (event.type !== 'StepDispatched') return null
    const { campaignId, sequenceId } = event.data
    const pause = pauseNow(this.#campaigns.find(campaignId), sequenceId)
    if (pause === null) return null
    const byMs = epochMsOf(event.at) - epochMsOf(pause.from)
    if (byMs > Math.max(this.#gateMs, SETTLED_MS))
      return { rule: 'GATE-2', message: `a dispatch while the campaign is paused since ${pause.from}` }
    const how = `was decided before the campaign was known to be paused at ${pause.from}`
    this.#warnings.add(event, this.events, 'late-catalogue', Math.abs(byMs), how)
    return null
  }

  #ofCampaign(event: RecordedCampaignEvent, head: StreamHead): Violation | null {
    const violation =
      publicationViolation(this.#campaigns, event) ??
      hashViolation(event, head) ??
      this.#appends.violationOf(head, event, null, this.#campaigns)
    if (violation !== null) return violation
    const { campaignId } = event.data
    if (event.type === 'CampaignUnpublished') this.#unpublishedAt.set(campaignId, event.at)
    if (event.type === 'CampaignPublished') this.#unpublishedAt.delete(campaignId)
    this.#campaigns.apply(event)
    return null
  }
}

/** For so long at most an answer of a pause is waited for. */
const SETTLED_MS = 30_000

const NO_CAMPAIGNS: Catalog = createCatalog()

const noHead = (owner: number): StreamHead => ({
  owner,
  append: null,
  version: 0,
  position: 0,
  number: 0,
  hash: null,
  at: '',
  broken: false,
})

/** The value of a key; made, if there is none. */
export function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function placeViolation(event: RecordedEvent, head: StreamHead, before: Position): Violation | null {
  const { version, position } = event
  if (position <= before) return { rule: 'LOG-3', message: `position ${position} does not come after ${before}` }
  if (version === head.version + 1) return null
  return { rule: 'LOG-3', message: `version ${version} follows version ${head.version}` }
}

function hashViolation(event: RecordedEvent, head: StreamHead): Violation | null {
  const { hash } = event
  if (hash === undefined)
    return head.hash === null ? null : { rule: 'AUDIT-4', message: 'no hash, though the event before it has one' }
  if (hash === chainHash(head.hash, digestOf(event))) return null
  return { rule: 'AUDIT-4', message: 'the hash is not that of the event and its predecessor: one of them was changed' }
}
