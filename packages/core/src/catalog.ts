/**
 * The catalogue of campaigns: every version that was ever published, folded from the campaigns' streams (VERSION-1).
 * Also decides what is published and no longer is; pauses are decided in `pausing.ts`. Decisions on contacts only read it.
 */

import { type Campaign, defineCampaign, publishedCampaign, sameDefinition } from './campaign.ts'
import { type CampaignDecision, campaignEvent, leftAsItWas } from './campaign-decision.ts'
import type { PublishCampaign, UnpublishCampaign } from './commands.ts'
import type { CampaignDefinition, GoalDefinition, SequenceDefinition, SignalPattern } from './definition.ts'
import { type Either, isLeft, left, right } from './either.ts'
import type { CampaignEvent } from './events.ts'
import { EnfoldFault } from './fault.ts'
import { type CampaignId, compareIds, type Instant, type SequenceId, type Version } from './ids.ts'
import { nearestFirst } from './nearest.ts'
import {
  type CampaignPause,
  isEntryClosed,
  isPaused,
  type PacedCampaign,
  pacedIn,
  pauseNow,
  pausesAfter,
  pausesResumed,
} from './pauses.ts'
import { type CampaignInvalid, type CampaignProblem, campaignUnknown, type Rejection } from './rejection.ts'
import type { KeptKind } from './signal-kept.ts'
import { warningsAmong } from './value-warnings.ts'
import type { CampaignOutcome, UnchangedOutcome } from './verbs/campaign-verbs.ts'

/** A campaign's place in the catalogue. */
export interface CatalogEntry {
  readonly campaignId: CampaignId
  /** Of its stream. */
  readonly version: Version
  /** The version that new runs start with; `null` while unpublished. */
  readonly published: PublishedCampaign | null
  /** When it was unpublished last; `null`: never. It may have been published since. */
  readonly unpublishedAt: Instant | null
  /** 1 is the first. Versions are the count of publications. */
  readonly versions: readonly PublishedCampaign[]
  /** In order. They outlast publications, and go on while it is not published (GATE-1). */
  readonly pauses: readonly CampaignPause[]
}

/** One version of a campaign, as it was published. */
export interface PublishedCampaign {
  readonly campaignId: CampaignId
  readonly campaignVersion: number
  readonly publishedAt: Instant
  readonly campaign: Campaign
}

export interface GoalMatch {
  readonly published: PublishedCampaign
  readonly goal: GoalDefinition
}

/** Every version of every campaign, and which of them are published now. */
export interface Catalog {
  /** Takes the next event of a campaign's stream; one that was taken already changes nothing. */
  apply(event: CampaignEvent & { readonly version: Version }): void
  find(campaignId: CampaignId): CatalogEntry | undefined
  /** Throws `CAMPAIGN_VERSION_MISSING`: the log promises that a run's version stands before the run. */
  version(campaignId: CampaignId, campaignVersion: number): PublishedCampaign
  has(campaignId: CampaignId, campaignVersion: number): boolean
  /** Every campaign that was ever published, by id. */
  entries(): readonly CatalogEntry[]
  /** Published campaigns, by id. */
  published(): readonly PublishedCampaign[]
  /** Campaigns that are paused now, in whole or in part. */
  paused(): readonly CampaignId[]
  /** Campaigns whose last resume has a pace (GATE-4). */
  paced(): readonly PacedCampaign[]
  /** While the overdue steps of this process begin by a pace: what was due by then is overdue (GATE-4). `null`: they do not. */
  readonly drained: { at: Instant | null }
  /** The kinds of all steps of all versions: runs of every one of them may still be open. */
  kinds(): ReadonlySet<string>
  /** Goals of published campaigns that a signal of this kind may satisfy: campaigns by id, goals in order (GOAL-3). */
  goalsFor(kind: string): readonly GoalMatch[]
  /** What the published campaigns together keep of signals of this kind; `null`: none of them declares it (SIGNAL-1). */
  keptOf(kind: string): KeptKind | null
}

/**
 * An empty catalogue, or a copy, which goes its own way.
 *
 * @example
 * const catalog = createCatalog()
 * for await (const event of store.readAll(0, { streams: 'campaigns' })) catalog.apply(event)
 */
export function createCatalog(copied?: Catalog): Catalog {
  const entries = new Map(copied?.entries().map((entry) => [entry.campaignId, entry]))
  // Both are computed from `entries` at need, and forgotten when an event comes.
  let published: readonly PublishedCampaign[] | undefined
  let byKind: Map<string, GoalMatch[]> | undefined
  let kept: ReadonlyMap<string, KeptKind> | undefined
  let paused: readonly CampaignId[] | undefined
  let paced: readonly PacedCampaign[] | undefined
  const kinds = new Set(copied?.kinds())

  const catalog: Catalog = {
    drained: { at: null },
    apply(event) {
      const { campaignId } = event.data
      const entry = entries.get(campaignId)
      if (event.version <= (entry?.version ?? 0)) return
      entries.set(campaignId, evolveEntry(campaignId, entry, event))
      published = undefined
      byKind = undefined
      kept = undefined
      paused = undefined
      paced = undefined
      for (const { steps } of entries.get(campaignId)?.versions.at(-1)?.campaign.sequences.values() ?? [])
        for (const step of steps) kinds.add(step.kind)
    },
    find: (campaignId) => entries.get(campaignId),
    entries: () => [...entries.values()].sort((a, b) => compareIds(a.campaignId, b.campaignId)),
    has: (campaignId, campaignVersion) => entries.get(campaignId)?.versions[campaignVersion - 1] !== undefined,
    version(campaignId, campaignVersion) {
      const found = entries.get(campaignId)?.versions[campaignVersion - 1]
      if (found !== undefined) return found
      throw new EnfoldFault(
        'CAMPAIGN_VERSION_MISSING',
        `The log holds no version ${campaignVersion} of the campaign ${JSON.stringify(campaignId)}, but a run of it. Was the campaign's stream imported too?`,
        { campaignId, campaignVersion },
      )
    },
    published() {
      published ??= [...entries.values()]
        .flatMap((entry) => (entry.published === null ? [] : [entry.published]))
        .sort((a, b) => compareIds(a.campaignId, b.campaignId))
      return published
    },
    paused() {
      paused ??= [...entries.values()].flatMap((entry) => (isPaused(entry) ? [entry.campaignId] : []))
      return paused
    },
    paced() {
      paced ??= [...entries.values()].flatMap((entry) => pacedIn(entry) ?? [])
      return paced
    },
    kinds: () => kinds,
    goalsFor(kind) {
      if (byKind === undefined) {
        byKind = new Map()
        for (const one of catalog.published())
          for (const goal of one.campaign.definition.goals)
            for (const patternKind of new Set(patternsOf(goal).map((pattern) => pattern.kind))) {
              const known = byKind.get(patternKind)
              if (known === undefined) byKind.set(patternKind, [{ published: one, goal }])
              else known.push({ published: one, goal })
            }
      }
      return byKind.get(kind) ?? []
    },
    keptOf(kind) {
      kept ??= keptKinds(catalog.published())
      return kept.get(kind) ?? null
    },
  }
  return catalog
}

function keptKinds(published: readonly PublishedCampaign[]): ReadonlyMap<string, KeptKind> {
  const kinds = new Map<string, { readonly keep: Set<string>; readonly private: Set<string> }>()
  for (const { campaign } of published)
    for (const [kind, declared] of Object.entries(campaign.definition.signals ?? {})) {
      const known = kinds.get(kind) ?? { keep: new Set(), private: new Set() }
      kinds.set(kind, known)
      for (const name of declared.keep ?? []) known.keep.add(name)
      for (const name of declared.private ?? []) known.private.add(name)
    }
  return kinds
}

/** What a goal's `when` says, as a list in either form. */
export function patternsOf(goal: GoalDefinition): readonly SignalPattern[] {
  return [goal.when].flat()
}

function evolveEntry(
  campaignId: CampaignId,
  entry: CatalogEntry | undefined,
  event: CampaignEvent & { readonly version: Version },
): CatalogEntry {
  const { published = null, unpublishedAt = null, versions = [], pauses = [] } = entry ?? {}
  const before = { campaignId, version: event.version, published, unpublishedAt, versions, pauses }
  if (event.type === 'CampaignUnchanged') return before
  if (event.type === 'CampaignUnpublished') return { ...before, published: null, unpublishedAt: event.at }
  if (event.type === 'CampaignPaused') return { ...before, pauses: pausesAfter(pauses, event.at, event.data) }
  if (event.type === 'CampaignResumed') return { ...before, pauses: pausesResumed(pauses, event.at, event.data) }
  const { campaignVersion, definition } = event.data
  const one: PublishedCampaign = {
    campaignId,
    campaignVersion,
    publishedAt: event.at,
    campaign: readable(campaignId, definition),
  }
  return { ...before, published: one, versions: [...versions, one] }
}

function readable(campaignId: CampaignId, definition: CampaignDefinition): Campaign {
  try {
    return publishedCampaign(definition)
  } catch (error) {
    const message = `What was published as ${JSON.stringify(campaignId)} is no definition of a campaign.`
    throw new EnfoldFault('STORE_CORRUPT', message, { campaignId }, error)
  }
}

// --- Publishing -----------------------------------------------------------------------------------------------------------

/** `unchanged`: this very definition is published already. `superseded`: the newest version has a higher `revision`; nothing
 * was written (VERSION-2a). `warnings`: legal but suspicious (VERSION-2). */
export interface PublishAnswer {
  readonly outcome: CampaignOutcome<'publish'>
  /** Of the campaign: 1, 2, 3 … */
  readonly version: number
  readonly warnings: readonly CampaignProblem[]
}

/** What unpublishing came to. */
export interface UnpublishAnswer {
  readonly outcome: CampaignOutcome<'unpublish'>
  /** The newest version of the campaign. */
  readonly version: number
}

export type { CampaignDecision } from './campaign-decision.ts'

/**
 * What publishing would say of a definition: what is wrong with it, or what is suspicious, by itself and next to the
 * other campaigns that are published (VERSION-2, VERSION-2a). Writes nothing.
 */
export function checkDefinition(
  input: unknown,
  catalog: Catalog,
): Either<CampaignInvalid, { readonly definition: CampaignDefinition; readonly warnings: readonly CampaignProblem[] }> {
  const defined = defineCampaign(input)
  if (isLeft(defined)) return defined
  const { definition, warnings } = defined.right
  const others = catalog.published().map(({ campaign }) => campaign.definition)
  const among = warningsAmong(
    definition,
    others.filter(({ id }) => id !== definition.id),
  )
  return right({ definition, warnings: [...warnings, ...among] })
}

/** Publishing the definition that is published already changes nothing (`unchanged`). Rules VERSION-1, VERSION-2. */
export function decidePublish(
  command: PublishCampaign,
  catalog: Catalog,
  now: Instant,
): Either<CampaignInvalid, CampaignDecision<PublishAnswer>> {
  const checked = checkDefinition(command.definition, catalog)
  if (isLeft(checked)) return checked
  const { definition, warnings } = checked.right
  const { id: campaignId } = definition
  const entry = catalog.find(campaignId)
  const newest = entry?.versions.at(-1)
  const unchanged = (outcome: UnchangedOutcome & PublishAnswer['outcome'], version: number) =>
    right(leftAsItWas(campaignId, command, now, { outcome, version, warnings }))
  if (entry?.published && sameDefinition(entry.published.campaign.definition, definition))
    return unchanged('unchanged', entry.published.campaignVersion)
  if (newest !== undefined && revisionOf(newest.campaign.definition) > revisionOf(definition))
    return unchanged('superseded', newest.campaignVersion)
  const campaignVersion = (entry?.versions.length ?? 0) + 1
  const events = [
    campaignEvent(campaignId, command, now, {
      type: 'CampaignPublished',
      data: { campaignId, campaignVersion, definition },
    }),
  ]
  return right({ events, remembered: events, answer: { outcome: 'published', version: campaignVersion, warnings } })
}

/** Without one, lower than any. */
function revisionOf({ revision = -1 }: CampaignDefinition): number {
  return revision
}

/** Rule VERSION-3. */
export function decideUnpublish(
  command: UnpublishCampaign,
  catalog: Catalog,
  now: Instant,
): Either<Rejection, CampaignDecision<UnpublishAnswer>> {
  const { campaignId } = command
  const entry = catalog.find(campaignId)
  if (entry === undefined) return left(campaignUnknown(campaignId, catalog.entries()))
  const campaignVersion = entry.versions.length
  if (entry.published === null)
    return right(leftAsItWas(campaignId, command, now, { outcome: 'not_published', version: campaignVersion }))
  const events = [
    campaignEvent(campaignId, command, now, { type: 'CampaignUnpublished', data: { campaignId, campaignVersion } }),
  ]
  return right({ events, remembered: events, answer: { outcome: 'unpublished', version: campaignVersion } })
}

/** The published sequence, or why there is none to start (START-6, GATE-1). */
export function findSequence(
  catalog: Catalog,
  campaignId: CampaignId,
  sequenceId: SequenceId,
): Either<Rejection, { readonly published: PublishedCampaign; readonly sequence: SequenceDefinition }> {
  const entry = catalog.find(campaignId)
  if (entry === undefined) return left(campaignUnknown(campaignId, catalog.entries()))
  if (entry.published === null) return left({ type: 'CampaignNotPublished', campaignId })
  const sequence = entry.published.campaign.sequences.get(sequenceId)
  if (sequence === undefined) {
    const known = nearestFirst(sequenceId, entry.published.campaign.sequences.keys())
    return left({ type: 'SequenceUnknown', campaignId, sequenceId, known })
  }
  const pause = pauseNow(entry, sequenceId)
  if (pause !== null && isEntryClosed(entry, sequenceId))
    return left({ type: 'CampaignPaused', campaignId, sequenceId, since: pause.from })
  return right({ published: entry.published, sequence })
}
