/** `publish` and `unpublish`: decided on the catalogue of campaigns as it is, and again where another process was first. */
import {
  type CampaignCommand,
  type CampaignDecision,
  type CampaignDefinition,
  type CampaignId,
  campaignStream,
  checkDefinition,
  decidePublish,
  decideUnpublish,
  defineCampaign,
  type Either,
  EnfoldFault,
  isLeft,
  left,
  notJsonIn,
  orderDigest,
  type Position,
  type PublishAnswer,
  type PublishCampaign,
  type RecordedEvent,
  type Rejection,
  right,
  sameDefinition,
  type UnpublishAnswer,
  type UnpublishCampaign,
} from '@enfold/core'
import { mayTryAgain, untilOthersAreDone } from './append-decided.ts'
import { metaOf, ORDER, type Order } from './contact-verbs.ts'
import type { EngineContext } from './engine-context.ts'
import * as input from './input.ts'
import { unhandledKinds } from './kinds.ts'
import { paramsProblems, type Schemas } from './schemas.ts'
import type { Unpublished } from './stop-runs.ts'

export interface Publishing {
  /**
   * Publishes a definition, or says that it is published already. `version` is the campaign's: 1, 2, 3 … `warnings` name
   * what is legal but suspicious, and kinds of steps that this engine has no handler for (KIND-1): the latter only if it
   * has handlers, and they can be listed.
   */
  publish(
    definition: unknown,
    order?: Order,
  ): Promise<Either<Rejection, PublishAnswer & { readonly position: Position }>>
  /**
   * Refuses new starts and goals from now on. `stopRuns`: stops every run of the campaign, too (VERSION-3); for that it
   * waits, on PostgreSQL up to 30 seconds for transactions of yours that started something of it, on EventStoreDB for
   * `gateMs`. The same command id again leaves a later publication and its runs alone, also if the first answer was `not_published`.
   */
  unpublish(
    campaignId: CampaignId,
    order: Order & { readonly stopRuns?: boolean },
  ): Promise<Either<Rejection, UnpublishAnswer & { readonly position: Position; readonly stopped: number }>>
}

interface Parts {
  readonly context: EngineContext
  /** Kinds that this engine has handlers for; `null`: they cannot be listed. */
  readonly handledKinds: readonly string[] | null
  readonly schemas: Schemas
  readonly stopRuns: (unpublished: Unpublished) => Promise<{ readonly stopped: number; readonly position: Position }>
  /** @throws EnfoldFault `CLOSED` */
  readonly requireOpen: () => void
}

const UNPUBLISH = { ...ORDER, 'stopRuns?': input.flag }

export function createPublishing({ context, handledKinds, requireOpen, stopRuns, schemas }: Parts): Publishing {
  return {
    async publish(given, order = { actor: null }) {
      input.checkInput('publish.order', order, ORDER)
      requireOpen()
      const definition = copied(given)
      const made = schemas.params === undefined ? null : defineCampaign(definition)
      const problems = made === null || isLeft(made) ? [] : await paramsProblems(made.right.definition, schemas)
      if (problems.length > 0) return left({ type: 'CampaignInvalid', problems })
      const command = { type: 'PublishCampaign', definition, ...metaOf(order) } as const
      const published = await decideOnCampaign(context, publication(context, command, isGiven(order)))
      if (isLeft(published)) return published
      const unhandled = unhandledKinds(definition as CampaignDefinition, handledKinds)
      return right({ ...published.right, warnings: [...published.right.warnings, ...unhandled] })
    },
    async unpublish(campaignId, order) {
      input.id('unpublish.campaignId', campaignId)
      input.checkInput('unpublish.order', order, UNPUBLISH)
      requireOpen()
      const alsoStops = order.stopRuns === true
      const stops = alsoStops ? { stopRuns: true } : {}
      const command = { type: 'UnpublishCampaign', campaignId, ...metaOf(order), ...stops } as const
      const unpublished = await decideOnCampaign(context, unpublication(context, command, isGiven(order)))
      if (isLeft(unpublished)) return unpublished
      if (!alsoStops) return right({ ...unpublished.right, stopped: 0 })
      return right({ ...unpublished.right, ...(await stopRuns({ ...command, ...unpublished.right })) })
    },
  }
}

/** An order on a campaign, and how it is decided. */
export interface CampaignOrder<Answer> {
  readonly command: CampaignCommand
  /** Whether the caller chose the command id, and may give it again. */
  readonly isGiven: boolean
  decide(): Either<Rejection, CampaignDecision<Answer>>
  /** Asked when it was decided: before that it may be no id. */
  campaignId(): CampaignId
  /** The answer of the first time, from the events of the same command id; `null`: they are of another order. */
  answerAgain(events: readonly RecordedEvent[]): Answer | null
}

export const isGiven = ({ commandId }: Order) => commandId !== undefined

function publication(
  { campaigns, clock }: EngineContext,
  command: PublishCampaign,
  isGiven: boolean,
): CampaignOrder<PublishAnswer> {
  const definition = command.definition as CampaignDefinition
  return {
    command,
    isGiven,
    decide: () => decidePublish(command, campaigns.catalog, clock.now()),
    campaignId: () => definition.id,
    answerAgain([event]) {
      const first = event === undefined ? null : publishedBy(event, definition)
      if (first === null) return null
      const checked = checkDefinition(definition, campaigns.catalog)
      return { ...first, warnings: isLeft(checked) ? [] : checked.right.warnings }
    },
  }
}

/** What the order that the event records came to; `null`: it is of another order. */
function publishedBy(
  { type, data }: RecordedEvent,
  definition: CampaignDefinition,
): Pick<PublishAnswer, 'outcome' | 'version'> | null {
  if (type === 'CampaignPublished')
    return sameDefinition(data.definition, definition) ? { outcome: 'published', version: data.campaignVersion } : null
  if (type !== 'CampaignUnchanged') return null
  const { outcome, campaignVersion: version } = data
  return outcome === 'unchanged' || outcome === 'superseded' ? { outcome, version } : null
}

function unpublication(
  { campaigns, clock }: EngineContext,
  command: UnpublishCampaign,
  isGiven: boolean,
): CampaignOrder<UnpublishAnswer> {
  return {
    command,
    isGiven,
    decide: () => decideUnpublish(command, campaigns.catalog, clock.now()),
    campaignId: () => command.campaignId,
    answerAgain([event]) {
      if (event?.type === 'CampaignUnpublished') return { outcome: 'unpublished', version: event.data.campaignVersion }
      if (event?.type !== 'CampaignUnchanged' || event.data.outcome !== 'not_published') return null
      return { outcome: 'not_published', version: event.data.campaignVersion }
    },
  }
}

/** Appends to a campaign's stream: decide on the catalogue as it is, again if another was first. */
export async function decideOnCampaign<Answer>(
  { campaigns, store, random }: EngineContext,
  order: CampaignOrder<Answer>,
): Promise<Either<Rejection, Answer & { readonly position: Position }>> {
  const since = performance.now()
  for (let attempt = 1; mayTryAgain(attempt, since); attempt++) {
    await untilOthersAreDone(random, attempt - 1)
    await campaigns.refresh()
    const decided = order.decide()
    if (isLeft(decided)) return decided
    const stream = campaignStream(order.campaignId())
    const history = (await store.readMany([stream])).get(stream) ?? []
    const before = history.filter((event) => event.commandId === order.command.commandId)
    if (before.length > 0) return answerAgain(order, before)
    const { answer } = decided.right
    const events = order.isGiven ? decided.right.remembered : decided.right.events
    if (events.length === 0) return right({ ...answer, position: history.at(-1)?.position ?? 0 })
    const version = campaigns.catalog.find(order.campaignId())?.version ?? 0
    const result = await store.append(stream, events, version === 0 ? 'no-stream' : version)
    if (result.outcome === 'conflict' || result.repeated) continue
    for (const [i, event] of events.entries())
      campaigns.catalog.apply({ ...event, version: result.version - events.length + 1 + i })
    return right({ ...answer, position: result.position })
  }
  throw new EnfoldFault('CONTENTION', 'Other processes published the campaign again and again. Try again.')
}

/** The command id was used: by the same order, which is answered as the first time, or by another. */
function answerAgain<Answer>(
  order: CampaignOrder<Answer>,
  before: readonly RecordedEvent[],
): Either<Rejection, Answer & { readonly position: Position }> {
  const digest = before[0]?.order
  const isSame = digest === undefined || digest === orderDigest(order.command)
  const answer = isSame ? order.answerAgain(before) : null
  if (answer !== null) return right({ ...answer, position: before.at(-1)?.position as Position })
  const usedFor = before.map(({ type }) => type).join(', ')
  return left({ type: 'CommandIdReused', commandId: order.command.commandId, usedFor })
}

/** The definition as it is now: what the host does with its object later is none of the publication's. */
function copied(definition: unknown): unknown {
  if (definition === undefined) return null
  for (const _ of notJsonIn(definition)) return definition // `decidePublish` says what is wrong with it.
  return JSON.parse(JSON.stringify(definition))
}
