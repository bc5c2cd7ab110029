/**
 * The verbs on a campaign as a whole, with what every surface reads of them. They know every publication and no contact;
 * `catalog.ts` decides them.
 */
import type { Permission } from './permission.ts'

export interface CampaignVerbFacts {
  readonly command: string
  /** Its name in paths and on the command line. */
  readonly word: string
  /** What it does, in one line. */
  readonly summary: string
  /** All of these are needed. */
  readonly permission: readonly Permission[]
  /** Options of its order that need more. */
  readonly optionPermissions: { readonly [option: string]: readonly Permission[] }
  readonly outcomes: readonly string[]
  /** Those of them that leave the campaign as it was. `CampaignUnchanged` records them, for an order whose id was given. */
  readonly unchanged: readonly string[]
  readonly recordedBy: 'CampaignPublished' | 'CampaignUnpublished' | 'CampaignPaused' | 'CampaignResumed'
}

/** By the names that they have on the engine. */
export const CAMPAIGN_VERBS = {
  publish: {
    command: 'PublishCampaign',
    word: 'publish',
    summary: 'Publishes a definition as the next version, or says that it is published already',
    permission: ['publish'],
    optionPermissions: {},
    outcomes: ['published', 'unchanged', 'superseded'],
    unchanged: ['unchanged', 'superseded'],
    recordedBy: 'CampaignPublished',
  },
  unpublish: {
    command: 'UnpublishCampaign',
    word: 'unpublish',
    summary: 'Refuses new starts and goals from now on; with `stopRuns` every run is stopped too',
    permission: ['publish'],
    optionPermissions: { stopRuns: ['stop'] },
    outcomes: ['unpublished', 'not_published'],
    unchanged: ['not_published'],
    recordedBy: 'CampaignUnpublished',
  },
  pauseCampaign: {
    command: 'PauseCampaign',
    word: 'pause-campaign',
    summary: 'Holds all steps of the campaign, or of some of its sequences, until it is resumed',
    permission: ['pause'],
    optionPermissions: {},
    outcomes: ['paused', 'already_paused'],
    unchanged: ['already_paused'],
    recordedBy: 'CampaignPaused',
  },
  resumeCampaign: {
    command: 'ResumeCampaign',
    word: 'resume-campaign',
    summary: 'Ends the pause; waits are longer by it, or what fell due is sent or skipped',
    permission: ['pause'],
    optionPermissions: {},
    outcomes: ['resumed', 'not_paused'],
    unchanged: ['not_paused'],
    recordedBy: 'CampaignResumed',
  },
} as const satisfies { readonly [name: string]: CampaignVerbFacts }

export type CampaignVerbName = keyof typeof CAMPAIGN_VERBS
export type CampaignOutcome<Name extends CampaignVerbName> = (typeof CAMPAIGN_VERBS)[Name]['outcomes'][number]
/** What an order came to that left its campaign as it was. */
export type UnchangedOutcome = (typeof CAMPAIGN_VERBS)[CampaignVerbName]['unchanged'][number]
