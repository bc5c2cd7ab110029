/**
 * A campaign, a contact's facts and what happens to the contact in; the whole schedule out, with no store and no
 * waiting. The same rules as the engine's: it asks `decide` and `plan`, and goes from one due instant to the next.
 */

import { type Catalog, createCatalog, decidePublish } from './catalog.ts'
import type { AnswerTo, ContactCommand } from './contact-commands.ts'
import { isLeft } from './either.ts'
import type { ContactState } from './enrollment.ts'
import type { ContactEvent, ContactEventOf } from './events.ts'
import { EnfoldFault } from './fault.ts'
import { initialContact } from './fold.ts'
import { epochMsOf, type Instant, instantOf, isInstant, type SequenceId, type StepId } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { Overdue } from './pauses.ts'
import { decidePauseCampaign, decideResumeCampaign } from './pausing.ts'
import { type PlayMeta, playOn } from './play.ts'
import type { Facts, StepOutcome } from './ports/host.ts'
import type { Rejection } from './rejection.ts'
import { isOfCampaign, requireJson, requireKnown, requireTimelineInput, verbOf } from './timeline-checks.ts'
import { durationMs } from './timer.ts'
import { A_DURATION } from './timers/duration.ts'
import { VERBS, type VerbFacts, type VerbName, type VerbOf } from './verbs/index.ts'
import { commandOf, type OptionsOf, type StoryWord } from './verbs/order.ts'

/** What a verb is about, as an input says it. Options of a verb on the whole contact stand here as well. */
interface Said<Options extends VerbFacts['takes']> {
  readonly contact: keyof Options extends never ? true : Required<OptionsOf<Options>>
  readonly sequence: SequenceId
  readonly step: readonly [SequenceId, StepId]
  readonly signal: {
    readonly kind: string
    readonly data?: JsonObject
    readonly automated?: boolean
    /** By which it can be retracted. Default: drawn. */
    readonly signalId?: string
  }
  /** The id of the signal. */
  readonly received: string
}

type InputOf<Verb extends VerbFacts, Word extends string> = {
  readonly [Property in Word]: Said<Verb['takes']>[Verb['about']]
} & (Verb['about'] extends 'contact' ? unknown : OptionsOf<Verb['takes']>) &
  // Default: the newest run.
  (Verb['about'] extends 'step' ? { readonly run?: number } : unknown)

/**
 * Something that happens at an instant, or so long after the beginning ("P12D" = twelve times 24 hours): a verb by its
 * word, `{ at: 'P0D', start: 'nurture' }`, with its options, `{ at: 'P2D', resume: 'nurture', shift: true }`.
 */
export type TimelineInput = { readonly at: Instant | string } & (
  | { [Name in VerbName]: InputOf<VerbOf<Name>, StoryWord<Name>> }[VerbName]
  | PauseOfCampaign
)

/**
 * The campaign is paused, or resumed: `{ at: 'P3D', pauseCampaign: true }`, `{ at: 'P5D', resumeCampaign: 'skip' }` (GATE-1,
 * GATE-3). Without a pace: that holds up a contact only while others go before it, and here there are no others. What a pace
 * does to all of them is a question for a forecast (FORECAST-3).
 */
export type PauseOfCampaign =
  | { readonly pauseCampaign: true | readonly SequenceId[] }
  | { readonly resumeCampaign: Overdue }

export interface SimulationOptions {
  /** When the simulation begins. */
  readonly from: Instant
  /** How long it goes on: an ISO 8601 duration. Default "P366D". */
  readonly horizon?: string
  /** Of the contact, throughout or as they change. Default: none. */
  readonly facts?: Facts | ((at: Instant) => Facts)
  /** Handled in the order of their instants, before the steps that are due at the same instant. */
  readonly inputs: readonly TimelineInput[]
  /** What the handlers answer. Default: `sent`. A failure is retried after a minute. */
  readonly outcome?: (dispatched: ContactEventOf<'StepDispatched'>['data'], at: Instant) => StepOutcome
  /**
   * How long each handler takes: an ISO 8601 duration. Default "PT0S". Handlers that are called together run at the same
   * time, and nothing else of the contact begins before all have answered; inputs come when they come.
   */
  readonly handlersTake?: string
  /** Default 10,000: then the timeline is cut, as that of a campaign which loops without a wait must be. */
  readonly maxEvents?: number
}

export interface Timeline {
  /** All events, in order. */
  readonly events: readonly ContactEvent[]
  /** The sendings among them: what the contact gets, and when. */
  readonly sent: readonly {
    readonly at: Instant
    readonly sequenceId: SequenceId
    /** Of a run that has one (KEY-1). */
    readonly key?: string
    readonly run: number
    readonly stepId: StepId
  }[]
  /** What each input came to, in the order in which they were handled. */
  readonly results: readonly {
    readonly input: TimelineInput
    readonly rejection: Rejection | null
    readonly answer: AnswerTo<ContactCommand> | null
  }[]
  readonly state: ContactState
  /** The next due instant after the horizon; `null`: nothing is left to come. */
  readonly wakeAt: Instant | null
  /** True if `maxEvents` cut it. */
  readonly cut: boolean
}

const OPTIONS = ['from', 'horizon', 'facts', 'inputs', 'outcome', 'handlersTake', 'maxEvents']

/** What the engine would refuse must not be played as something else: a Map as no values at all. */
function requireOptions(options: SimulationOptions): void {
  requireKnown('', options, OPTIONS)
  if (typeof options.facts !== 'function') requireJson('facts', options.facts ?? {})
  for (const [i, input] of options.inputs.entries()) requireTimelineInput(`inputs[${i}]`, input)
}

/**
 * Plays a campaign for one contact.
 *
 * @throws EnfoldFault `INVALID_INPUT` for a definition or an instant that is none, an option that is not known, and what
 *   the engine would refuse of an order.
 * @example
 * simulate(definition, { from: '2026-03-02T08:00:00.000Z', facts: { timeZone: 'Europe/Berlin' },
 *   inputs: [{ at: 'P0D', start: 'nurture' }, { at: 'P12D', signal: { kind: 'purchased' } }] }).sent
 */
export function simulate(definition: unknown, options: SimulationOptions): Timeline {
  const { from, horizon = 'P366D', outcome = () => ({ outcome: 'sent' }), maxEvents = 10_000 } = options
  if (!isInstant(from)) throw EnfoldFault.invalidInput('from', from, 'an instant such as "2026-03-02T08:00:00.000Z"')
  requireOptions(options)
  const campaigns = createCatalog()
  const meta = { commandId: 'simulation', actor: null }
  const published = decidePublish({ type: 'PublishCampaign', definition, ...meta }, campaigns, from)
  if (isLeft(published)) throw EnfoldFault.invalidInput('definition', published.left.problems, 'a valid campaign')
  for (const event of published.right.events) campaigns.apply({ ...event, version: 1 })
  const campaignId = campaigns.published()[0]?.campaignId as string
  const until = instantOf(epochMsOf(from) + msOf('horizon', horizon))
  const factsAt = typeof options.facts === 'function' ? options.facts : () => (options.facts as Facts | undefined) ?? {}

  const contactId = 'contact'
  const queue = options.inputs
    .map((input, i) => {
      const path = `inputs[${i}]`
      return { input, path, at: instantIn(`${path}.at`, input.at, from) }
    })
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  const results: Timeline['results'][number][] = []
  const { events, state, wakeAt, isCut } = playOn({
    contactId,
    state: initialContact,
    history: [],
    campaigns,
    from,
    until,
    maxEvents,
    factsAt,
    outcome,
    takeMs: msOf('handlersTake', options.handlersTake ?? 'PT0S'),
    inputs: queue.map(({ input, path, at }) => ({
      at,
      happen(run, meta, now) {
        const came = isPauseOfCampaign(input)
          ? { rejection: pauseBy(campaigns, input, campaignId, meta, now), answer: null }
          : run(orderedBy(input, path, campaignId, meta, now))
        results.push({ input, ...came })
      },
    })),
  })
  return { events, sent: sentOf(events), results, state, wakeAt, cut: isCut }
}

function isPauseOfCampaign(input: TimelineInput): input is TimelineInput & PauseOfCampaign {
  return isOfCampaign(input)
}

/** Why it cannot be; `null`: it was done, or changes nothing. */
function pauseBy(
  campaigns: Catalog,
  input: PauseOfCampaign,
  campaignId: string,
  meta: PlayMeta,
  now: Instant,
): Rejection | null {
  const decided =
    'pauseCampaign' in input
      ? decidePauseCampaign(
          {
            ...{ type: 'PauseCampaign', campaignId, entries: 'open', ...meta },
            ...(input.pauseCampaign === true ? {} : { sequences: input.pauseCampaign }),
          },
          campaigns,
          now,
        )
      : decideResumeCampaign(
          { type: 'ResumeCampaign', campaignId, overdue: input.resumeCampaign, ...meta },
          campaigns,
          now,
        )
  if (isLeft(decided)) return decided.left
  const version = campaigns.find(campaignId)?.version ?? 0
  for (const [i, event] of decided.right.events.entries()) campaigns.apply({ ...event, version: version + 1 + i })
  return null
}

function sentOf(events: readonly ContactEvent[]): Timeline['sent'] {
  return events.flatMap(({ type, data, at }) => {
    if (type !== 'StepSent') return []
    const { sequenceId, key, run, stepId } = data
    return [{ at, sequenceId, ...(key === undefined ? {} : { key }), run, stepId }]
  })
}

/** @param path of the input, for what names no verb */
function orderedBy(
  input: TimelineInput,
  path: string,
  campaignId: string,
  meta: PlayMeta,
  now: Instant,
): ContactCommand {
  const said: { readonly [property: string]: unknown } = input
  const { word, name } = verbOf(path, input)
  const { at: _, [word]: about, ...options } = said
  switch (VERBS[name].about) {
    case 'contact':
      return commandOf(name, { ...meta, ...(about === true ? {} : (about as object)) })
    case 'sequence':
      return commandOf(name, { ...meta, campaignId, sequenceId: about, ...options })
    case 'step': {
      const [sequenceId, stepId] = about as readonly [SequenceId, StepId]
      return commandOf(name, { ...meta, campaignId, sequenceId, stepId, ...options })
    }
    case 'received':
      return commandOf(name, { ...meta, signalId: about, ...options })
    case 'signal': {
      const { kind, data = {}, automated = false, signalId = meta.commandId } = about as Said<never>['signal']
      const signal = { signalId, kind, data, occurredAt: now, fromStep: false }
      return commandOf(name, { ...meta, ...signal, ...(automated ? { automated } : {}) })
    }
  }
}

function instantIn(path: string, at: string, from: Instant): Instant {
  if (isInstant(at)) return at
  return instantOf(epochMsOf(from) + msOf(path, at, `an instant, or ${A_DURATION}`))
}

function msOf(path: string, text: string, expected = A_DURATION): number {
  const ms = durationMs(text)
  if (ms === null) throw EnfoldFault.invalidInput(path, text, expected)
  return ms
}
