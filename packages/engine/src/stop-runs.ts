/** `unpublish` with `stopRuns`: when nothing of the campaign starts any more, all that is open of it is stopped (VERSION-3). */
import {
  type CampaignId,
  type ContactId,
  campaignStream,
  derivedCommandId,
  type EventStore,
  isLeft,
  type Members,
  type Position,
  type ReadModel,
  type SequenceId,
  type StopSequence,
  tagOf,
  type UnpublishCampaign,
  waitingTagOf,
} from '@enfold/core'
import { realWait } from './clock.ts'
import type { createContactVerbs } from './contact-verbs.ts'
import type { EngineContext } from './engine-context.ts'
import { pages } from './paging.ts'
import type { Projection } from './projection/projection.ts'

/** An unpublishing that is recorded: of which version, and where. */
export interface Unpublished extends Omit<UnpublishCampaign, 'type'> {
  readonly version: number
  readonly position: Position
}

interface Parts {
  readonly context: EngineContext & {
    readonly store: EventStore & { settled?(stream: string, timeoutMs: number): Promise<void> }
  }
  readonly readModel: ReadModel
  readonly projection: Projection
  readonly gateMs: number
}

/** How long a host's transaction that started something of the campaign may stay open, and how long a read model may lag. */
const WAIT_MS = 30_000

/** @param stop executes a stop and gives its answer with its place */
export function createStopRuns(
  { context, readModel, projection, gateMs }: Parts,
  stop: (command: StopSequence) => ReturnType<ReturnType<typeof createContactVerbs>['stopSequence']>,
) {
  const { campaigns, store } = context

  /**
   * Until no start that was decided before can come any more, and the index shows all that did. Answers where the log
   * stood then.
   */
  async function closed(campaignId: CampaignId, unpublishedAt: Position): Promise<void> {
    if (store.settled !== undefined) return store.settled(campaignStream(campaignId), WAIT_MS)
    await realWait(gateMs)
    const head = await headAfter(unpublishedAt)
    // Brought there by itself: it may be that nobody feeds the index just now.
    await projection.toHead(head)
    await projection.waitFor(head, WAIT_MS)
  }

  /** Where the log stands, seen from a position. */
  async function headAfter(position: Position): Promise<Position> {
    const ended = new AbortController()
    for await (const one of store.subscribe(position, ended.signal)) {
      position = Math.max(position, one.position)
      if (one.type === 'CaughtUp') break
    }
    ended.abort()
    return position
  }

  async function stopAllOf(unpublished: Unpublished, sequenceId: SequenceId) {
    const { actor, campaignId, commandId, reason, version } = unpublished
    // Together: one contact can have a key in progress and another that waits, and is to be counted once.
    const tags = [tagOf(campaignId, sequenceId), waitingTagOf(campaignId, sequenceId)]
    const one = {
      type: 'StopSequence',
      campaignId,
      sequenceId,
      commandId: derivedCommandId('unpublish', commandId, sequenceId),
      // Given again after a later publication, it leaves alone who came by that one.
      upToVersion: version,
      actor,
      ...(reason === undefined ? {} : { reason }),
    } as const
    let stopped = 0
    let position = 0
    // Of a sequence with keys a contact is listed once for each, and one stop ends all of them (KEY-2).
    for await (const { contacts } of pages<ContactId, Members>((after) =>
      readModel.members(tags, { after, limit: 500 }),
    ))
      for (const answer of await Promise.all([...new Set(contacts)].map((contactId) => stop({ ...one, contactId })))) {
        if (isLeft(answer) || answer.right.outcome !== 'stopped') continue
        stopped += answer.right.runs?.length ?? 1
        position = Math.max(position, answer.right.position)
      }
    return { stopped, position }
  }

  /** Every contact of the campaign, each with its own command: what is stopped already answers so again (ONCE-3). */
  return async function stopRuns(unpublished: Unpublished) {
    const { campaignId, version } = unpublished
    await closed(campaignId, unpublished.position)
    const versions = (campaigns.catalog.find(campaignId)?.versions ?? []).slice(0, version)
    const sequences = new Set(versions.flatMap(({ campaign }) => [...campaign.sequences.keys()]))
    let stopped = 0
    let position = unpublished.position
    for (const sequenceId of sequences) {
      const some = await stopAllOf(unpublished, sequenceId)
      stopped += some.stopped
      position = Math.max(position, some.position)
    }
    return { stopped, position }
  }
}
