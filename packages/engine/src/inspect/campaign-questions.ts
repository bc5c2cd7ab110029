/** Questions about campaigns: which there are, and what each version of one says. */
import {
  type CampaignDefinition,
  type CampaignId,
  type CampaignProblem,
  type CatalogEntry,
  checkDefinition,
  type Instant,
  isLeft,
  ongoingIn,
  pausedLane,
  type ReadModel,
  type SequenceId,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import { unhandledKinds } from '../kinds.ts'
import { paramsProblems, type Schemas } from '../schemas.ts'

export interface CampaignSummary {
  readonly campaignId: CampaignId
  /** For people; the id where the definition has no name. */
  readonly name: string
  /** False: it was, and was unpublished. */
  readonly published: boolean
  /** The newest: 1, 2, 3 … */
  readonly version: number
  readonly publishedAt: Instant
  /** The pause that holds it now (GATE-1); `sequences` is `null` where it holds all. Absent: it is not paused. */
  readonly paused?: {
    readonly since: Instant
    readonly sequences: readonly SequenceId[] | null
    readonly entries: 'open' | 'closed'
  }
}

export interface CampaignView extends CampaignSummary {
  /** Of the version asked for. */
  readonly definition: CampaignDefinition
  /** By which overdue steps begin since the last resume (GATE-4). Absent: no worker has left a contact to wait for it. */
  readonly pace?: {
    readonly since: Instant
    readonly most: number
    /** The span: an ISO 8601 duration. */
    readonly per: string
    /** Contacts with overdue steps that have not begun yet. */
    readonly waiting: number
  }
  /** The oldest first. */
  readonly versions: readonly { readonly version: number; readonly publishedAt: Instant }[]
}

/** `valid`: it could be published. Else `problems` names all that is wrong, and `warnings` is empty. */
export interface CheckedDefinition {
  readonly valid: boolean
  readonly problems: readonly CampaignProblem[]
  /** Legal but suspicious (VERSION-2): the warnings that `publish` returns. */
  readonly warnings: readonly CampaignProblem[]
}

export interface CampaignQuestions {
  /**
   * What publishing would say of a definition, by itself, next to the other published campaigns, and with the handlers of
   * this engine (KIND-1). Nothing is published.
   */
  checkCampaign(definition: unknown): Promise<CheckedDefinition>
  /** Every campaign that was ever published, by id. */
  campaigns(): Promise<readonly CampaignSummary[]>
  /** One campaign with its definition, the newest or that of `version`; `null`: there is none. */
  campaign(campaignId: CampaignId, options?: { readonly version?: number }): Promise<CampaignView | null>
}

/** What holds a campaign now, as one. */
export function pausedIn(entry: CatalogEntry): Pick<CampaignSummary, 'paused'> {
  const held = ongoingIn(entry)
  const [first] = held
  if (first === undefined) return {}
  const isWhole = held.some(({ sequences }) => sequences === null)
  const sequences = isWhole ? null : [...new Set(held.flatMap((one) => [...(one.sequences ?? [])]))]
  return { paused: { since: first.from, sequences, entries: held.at(-1)?.entries ?? 'open' } }
}

/** @param kinds that this engine has handlers for; `null`: they cannot be listed */
export function createCampaignQuestions(
  { campaigns, clock }: Pick<EngineContext, 'campaigns' | 'clock'>,
  readModel: Pick<ReadModel, 'backlog'>,
  kinds: readonly string[] | null,
  schemas: Schemas,
): CampaignQuestions {
  function view(campaignId: CampaignId, wanted?: number): CampaignView | null {
    const entry = campaigns.catalog.find(campaignId)
    const newest = entry?.versions.at(-1)
    const one = wanted === undefined ? newest : entry?.versions[wanted - 1]
    if (entry === undefined || newest === undefined || one === undefined) return null
    return {
      campaignId,
      name: newest.campaign.definition.name ?? campaignId,
      published: entry.published !== null,
      version: newest.campaignVersion,
      publishedAt: newest.publishedAt,
      ...pausedIn(entry),
      definition: one.campaign.definition,
      versions: entry.versions.map(({ campaignVersion, publishedAt }) => ({ version: campaignVersion, publishedAt })),
    }
  }

  async function paceOf(campaignId: CampaignId): Promise<Pick<CampaignView, 'pace'>> {
    const paced = campaigns.catalog.paced().find((one) => one.campaignId === campaignId)
    if (paced === undefined) return {}
    // Nothing is written for each contact at a resume: until its turn comes, it stands where the pause held it.
    const [backlog] = await readModel.backlog([pausedLane(campaignId).kind], clock.now())
    if (backlog === undefined) return {}
    const { most, per } = paced.pace
    return { pace: { since: paced.resumedAt, most, per, waiting: backlog.contacts } }
  }

  return {
    async checkCampaign(given) {
      await campaigns.refresh()
      const checked = checkDefinition(given, campaigns.catalog)
      if (isLeft(checked)) return { valid: false, problems: checked.left.problems, warnings: [] }
      const { definition, warnings } = checked.right
      const problems = await paramsProblems(definition, schemas)
      if (problems.length > 0) return { valid: false, problems, warnings: [] }
      return { valid: true, problems: [], warnings: [...warnings, ...unhandledKinds(definition, kinds)] }
    },
    async campaigns() {
      await campaigns.refresh()
      return campaigns.catalog.entries().flatMap(({ campaignId }) => {
        const found = view(campaignId)
        if (found === null) return []
        const { definition: _definition, versions: _versions, ...summary } = found
        return [summary]
      })
    },
    async campaign(campaignId, options = {}) {
      input.id('inspect.campaign', campaignId)
      input.checkInput('inspect.campaign', options, { 'version?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER) })
      await campaigns.refresh()
      const found = view(campaignId, options.version)
      return found === null ? null : { ...found, ...(await paceOf(campaignId)) }
    },
  }
}
