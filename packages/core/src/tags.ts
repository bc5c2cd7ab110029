/** Tags of contacts: what they are called, and how events change them (INDEX-1). It knows nothing of the reducer. */
import type { ContactEvent, ContactEventType } from './events.ts'
import { type CampaignId, type ContactId, requireId, type SequenceId, type Tag } from './ids.ts'
import type { Membership, TagChange } from './ports/tag-index.ts'

/** What a tag says: the sequence, and whether the run waits at its end. */
export interface ParsedTag {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly waiting: boolean
}

const WAITING = '~waiting'

/**
 * The tag of a contact whose run of the sequence is in progress: both ids percent-encoded, joined by a slash.
 * Throws `INVALID_INPUT` for what is no id (LOG-6).
 *
 * @example
 * tagOf('pool-owners', 'nurture') // 'pool-owners/nurture'
 * tagOf('a/b', 'c~waiting')       // 'a%2Fb/c%7Ewaiting'
 */
export function tagOf(campaignId: CampaignId, sequenceId: SequenceId): Tag {
  return `${encoded('campaignId', campaignId)}/${encoded('sequenceId', sequenceId)}`
}

/**
 * The tag of a contact whose run stands at the end of the sequence and waits for a goal. Throws as `tagOf`.
 *
 * @example
 * waitingTagOf('pool-owners', 'nurture') // 'pool-owners/nurture~waiting'
 */
export function waitingTagOf(campaignId: CampaignId, sequenceId: SequenceId): Tag {
  return tagOf(campaignId, sequenceId) + WAITING
}

// encodeURIComponent leaves `~` alone, and a sequence named `b~waiting` would have the tag of `b` that waits.
function encoded(path: string, id: string): string {
  return encodeURIComponent(requireId<string>(path, id)).replaceAll('~', '%7E')
}

/**
 * What a tag says, or `null` for every text that is not exactly what `tagOf` or `waitingTagOf` yields.
 *
 * @example
 * parseTag('pool-owners/nurture~waiting') // { campaignId: 'pool-owners', sequenceId: 'nurture', waiting: true }
 * parseTag('customer')                    // null
 */
export function parseTag(tag: Tag): ParsedTag | null {
  const waiting = tag.endsWith(WAITING)
  const sequence = waiting ? tag.slice(0, -WAITING.length) : tag
  const slash = sequence.indexOf('/')
  try {
    const campaignId = decodeURIComponent(sequence.slice(0, Math.max(slash, 0)))
    const sequenceId = decodeURIComponent(sequence.slice(slash + 1))
    return tagOf(campaignId, sequenceId) === sequence ? { campaignId, sequenceId, waiting } : null
  } catch {
    return null
  }
}

/**
 * Whether a tag is a mark of the engine's (`marks.ts`), and none of a sequence: those encode `~`. A store keeps marks as
 * it keeps tags, and passes them over where it is asked who has any tag at all.
 *
 * @example
 * isMark('~held')               // true
 * isMark('pool-owners/nurture') // false
 */
export function isMark(tag: Tag): boolean {
  return tag.startsWith('~')
}

const NO_CHANGES: readonly TagChange[] = []

/** The events that change tags: all that a question about who was where needs to read. */
export const INDEX_EVENTS: ReadonlySet<ContactEventType> = new Set<ContactEventType>([
  'SequenceStarted',
  'SequenceStopped',
  'SequenceCompleted',
  'RunUndone',
  'ContactErased',
])

/**
 * What an event changes in the contact's tags, in the order in which it is to be done; empty for most events.
 * Rules INDEX-1, KEY-4 and ERASE-1. A paused run is in progress, so pausing changes nothing.
 *
 * @example
 * index.apply(tagChanges('ann', event))
 */
export function tagChanges(contactId: ContactId, event: ContactEvent): readonly TagChange[] {
  switch (event.type) {
    case 'SequenceStarted':
    case 'SequenceStopped':
    case 'SequenceCompleted':
    case 'RunUndone': {
      const { campaignId, sequenceId, key } = event.data
      // A run that goes on where another one stood may stand at its end (UNDO-3).
      const standsAtEnd = event.type === 'SequenceStarted' && event.data.standing === 'waiting'
      const inProgress = event.type === 'SequenceStarted' && !standsAtEnd
      const waiting = standsAtEnd || ('waiting' in event.data && event.data.waiting)
      const keyed = key === undefined ? {} : { key }
      return [
        { change: inProgress ? 'add' : 'remove', contactId, tag: tagOf(campaignId, sequenceId), ...keyed },
        { change: waiting ? 'add' : 'remove', contactId, tag: waitingTagOf(campaignId, sequenceId), ...keyed },
      ]
    }
    case 'ContactErased':
      return [{ change: 'clear', contactId }]
    default:
      return NO_CHANGES
  }
}

/**
 * The memberships of a contact after these events, as the projector has them: of each key of a sequence its own (KEY-4).
 *
 * @param before those before the events
 */
export function membershipsAfter(
  contactId: ContactId,
  events: Iterable<ContactEvent>,
  before: readonly Membership[] = [],
): readonly Membership[] {
  const held = new Map(before.map((one) => [nameOf(one), one]))
  for (const event of events)
    for (const one of tagChanges(contactId, event))
      if (one.change === 'clear') held.clear()
      else if (one.change === 'remove') held.delete(nameOf(one))
      else held.set(nameOf(one), membershipOf(one))
  return [...held.values()]
}

const membershipOf = ({ tag, key }: Membership): Membership => (key === undefined ? { tag } : { tag, key })
const nameOf = ({ tag, key }: Membership) => (key === undefined ? tag : JSON.stringify([tag, key]))

/** A membership by its name: the tag, and where it is for a key both. */
export type NamedMembership = Tag | Required<Membership>

/** As lists of memberships name them. */
export function namedMembership({ tag, key }: Membership): NamedMembership {
  return key === undefined ? tag : { tag, key }
}
