/**
 * Holds a log against the rules, event by event (AUDIT-4): its places, its hashes, the order of events (`verify.ts`), what
 * belongs together (`append-rules.ts`), and its publications. For readers that must not accept a log that lies:
 * `verify`, `import`, `seal`.
 */
import { isRight } from 'fp-ts/lib/Either.js'
import { AppendRules, owedAtEnd, type StreamAppends } from './append-rules.ts'
import { defineCampaign, sameDefinition } from './campaign.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { chainHash, digestOf, type Hash } from './chain.ts'
import { evolveInPlace, type LiveContact, liveContact } from './enrollment.ts'
import { isCampaignEvent, type RecordedCampaignEvent, type RecordedContactEvent, type RecordedEvent } from './events.ts'
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
import { describeRejection } from './rejection.ts'
import { type Violation, violationOf } from './verify.ts'

/** Where an event stands in a log. */
export interface LogPlace {
  /** 1 for the first event of the log. */
  readonly number: number
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
}

/** A fault of a log: the first event that shows it, and the rule that it breaks. */
export interface LogFault extends Violation, LogPlace {}

/** What no rule forbids, and an auditor should look at. */
export interface LogWarning extends LogPlace {
  /**
   * `clock-back`: an event earlier than the one before it in its stream, or by more than a minute than one before it in the
   * log. `ahead`: an event after now. `late-catalogue`: a start or goal that was decided before the campaign was
   * unpublished, and recorded after.
   */
  readonly warning: 'clock-back' | 'ahead' | 'late-catalogue'
  /** By how much. */
  readonly byMs: number
  readonly message: string
}

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

/** So many warnings are kept; the others are counted. */
const MAX_WARNINGS = 1000

/** Of two events of different streams: what clocks of several machines may differ by, and what waiting for a lock takes. */
const LOG_TOLERANCE_MS = 60_000

/** Keeps the state of each contact, and 16 bytes for each event. */
export class LogCheck {
  readonly faults: LogFault[] = []
  readonly warnings: LogWarning[] = []
  warningCount = 0
  events = 0
  hashed = 0
  readonly #now: Instant | null
  readonly #gateMs: number
  readonly #campaigns = createCatalog()
  readonly #states = new Map<ContactId, LiveContact>()
  readonly #heads = new Map<StreamId, StreamHead>()
  readonly #appends = new AppendRules()
  readonly #unpublishedAt = new Map<CampaignId, Instant>()
  /** Campaigns whose stream has a fault: what refers to their versions cannot be judged. */
  readonly #doubtful = new Set<CampaignId>()
  #position: Position = 0
  #latest: Instant = ''
  /** No digest of an order yet: an early release wrote it, which did not check in the append what is published. */
  #isEarly = true
  #isBack = false

  /**
   * @param options `now`: for warnings of events after it; left out: none. `gateMs`: for how long after an unpublishing a
   *   start by a late catalogue is a warning and no fault; 0 where the store checks it in the append
   */
  constructor(options: { readonly now?: Instant; readonly gateMs?: number } = {}) {
    this.#now = options.now ?? null
    this.#gateMs = options.gateMs ?? 0
  }

  get contacts(): number {
    return this.#states.size
  }

  /** Takes the next event of the log. Of each stream the first fault is told: what follows it cannot be judged. */
  add(event: RecordedEvent): LogFault | null {
    this.events += 1
    if (event.order !== undefined) this.#isEarly = false
    const { stream, version, position } = event
    const head = entryOf(this.#heads, stream, () => noHead(this.#heads.size))
    const violation = head.broken ? null : this.#violationOf(event, head)
    if (event.hash !== undefined) this.hashed += 1
    this.#warn(event, head)
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
    const state = entryOf(this.#states, contactId, liveContact)
    const campaignId = 'campaignId' in event.data ? event.data.campaignId : null
    const campaigns = campaignId !== null && this.#doubtful.has(campaignId) ? undefined : this.#campaigns
    const violation =
      violationOf(contactId, state, event, campaigns) ??
      (campaigns === undefined ? null : this.#whileUnpublished(event)) ??
      hashViolation(event, head) ??
      this.#appends.violationOf(head, event, state, campaigns ?? NO_CAMPAIGNS)
    if (violation === null) evolveInPlace(state, event)
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
    this.#tell(
      event,
      'late-catalogue',
      Math.abs(byMs),
      `was decided before the campaign was known to be unpublished at ${since}`,
    )
    return null
  }

  #ofCampaign(event: RecordedCampaignEvent, head: StreamHead): Violation | null {
    const violation =
      this.#publicationViolation(event) ??
      hashViolation(event, head) ??
      this.#appends.violationOf(head, event, null, this.#campaigns)
    if (violation !== null) return violation
    const { campaignId } = event.data
    if (event.type === 'CampaignUnpublished') this.#unpublishedAt.set(campaignId, event.at)
    else this.#unpublishedAt.delete(campaignId)
    this.#campaigns.apply(event)
    return null
  }

  #publicationViolation({ type, data, stream }: RecordedCampaignEvent): Violation | null {
    const { campaignId, campaignVersion } = data
    if (campaignOf(stream) !== campaignId)
      return { rule: 'LOG-1', message: `${type} of ${JSON.stringify(campaignId)} in a stream that is another's` }
    const entry = this.#campaigns.find(campaignId)
    const newest = entry?.versions.length ?? 0
    if (type === 'CampaignUnpublished') {
      if (entry === undefined || entry.published === null)
        return { rule: 'VERSION-3', message: 'an unpublishing of what is not published' }
      if (campaignVersion === newest) return null
      return {
        rule: 'VERSION-3',
        message: `an unpublishing of version ${campaignVersion}, where ${newest} is published`,
      }
    }
    if (campaignVersion !== newest + 1)
      return { rule: 'VERSION-1', message: `a publication of version ${campaignVersion} after version ${newest}` }
    const defined = defineCampaign(data.definition)
    if (!isRight(defined)) return { rule: 'VERSION-2', message: describeRejection(defined.left) }
    const { id } = defined.right
    if (id !== campaignId)
      return { rule: 'VERSION-1', message: `a definition whose id is ${JSON.stringify(id)}, published as another's` }
    const { revision = -1 } = defined.right.definition
    const { revision: newestRevision = -1 } = entry?.versions.at(-1)?.campaign.definition ?? {}
    if (revision < newestRevision)
      return {
        rule: 'VERSION-2a',
        message: `a publication of a lower revision than ${newestRevision}, which is published`,
      }
    const before = entry?.published?.campaign.definition
    if (before === undefined || !sameDefinition(before, defined.right.definition)) return null
    return { rule: 'VERSION-1', message: 'a publication of what is published already' }
  }

  #warn(event: RecordedEvent, head: StreamHead): void {
    const { at } = event
    if (this.#now !== null && at > this.#now)
      this.#tell(event, 'ahead', epochMsOf(at) - epochMsOf(this.#now), `is after now, ${this.#now}: a clock was fast`)
    if (at < head.at)
      this.#tell(
        event,
        'clock-back',
        epochMsOf(head.at) - epochMsOf(at),
        `is earlier than ${head.at} before it in its stream`,
      )
    if (at >= this.#latest) {
      this.#latest = at
      this.#isBack = false
      return
    }
    const backMs = epochMsOf(this.#latest) - epochMsOf(at)
    const isBack = backMs > LOG_TOLERANCE_MS
    // Once for as long as it lasts.
    if (isBack && !this.#isBack && at >= head.at)
      this.#tell(event, 'clock-back', backMs, `is earlier than ${this.#latest} before it in the log`)
    this.#isBack = isBack
  }

  #tell(event: RecordedEvent, warning: LogWarning['warning'], byMs: number, what: string): void {
    this.warningCount += 1
    if (this.warnings.length >= MAX_WARNINGS) return
    const { stream, version, position } = event
    const message = `${event.at} ${what} (by ${byMs} ms)`
    this.warnings.push({ warning, byMs, message, number: this.events, stream, version, position })
  }
}

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
