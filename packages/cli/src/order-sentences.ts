/** Every order in words: its help, what it would do, and what it did. The compiler asks for those of a new verb. */
import {
  type CampaignOutcome,
  type CampaignVerbName,
  type GoalAnswer,
  heldInWords,
  type Instant,
  type KeyedOutcome,
  type RunRef,
  type SequenceRef,
  type UndoneRun,
  type VerbName,
  type VerbOf,
} from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { keyInWords, named, sequenceName } from './text.ts'

/** What a verb of the engine takes, without the contact. */
export type OrderOf<Name extends VerbName> = Omit<Parameters<Engine[Name]>[0], 'contactId'>

/** What it returns if it is not refused. */
export type AnswerOf<Name extends VerbName> = Extract<
  Awaited<ReturnType<Engine[Name]>>,
  { readonly _tag: 'Right' }
>['right']

type Sentence<Name extends VerbName> = (answer: AnswerOf<Name>, order: OrderOf<Name>, contact: string) => string

/** One word, to be counted: "started", "already_active". And what was done, in words. */
export interface Words {
  readonly outcome: string
  readonly changed: boolean
  readonly text: string
}

/** By outcome; a verb that has no outcome says all of it. */
type Did<Name extends VerbName, Outcome extends string> = [Outcome] extends [never]
  ? (...told: Parameters<Sentence<Name>>) => Words
  : { readonly [One in Outcome]: Sentence<Name> }

export interface Sentences<Name extends VerbName> {
  /** One line of `enfold --help`. */
  readonly help: string
  /** The help of each option that the verb takes. */
  readonly options: { readonly [Option in keyof VerbOf<Name>['takes']]: string }
  /** The end of "This would": "start pool-owners/nurture for 3 contacts". */
  would(order: OrderOf<Name>, contacts: string): string
  readonly did: Did<Name, VerbOf<Name>['outcomes'][number]>
  /** What nothing undoes: the order, or the end of a run that has no step left by it. Absent: it has an inverse. */
  readonly final?: 'order' | 'end'
}

const VARS = 'a variable that the run begins with, such as total=20: a number, true or false, else text; again for more'

export const SENTENCES: { readonly [Name in VerbName]: Sentences<Name> } = {
  startSequence: {
    help: 'start contacts in a sequence; a contact that is in it keeps its place',
    options: {
      key: 'what the run is about, of a sequence with keys',
      vars: VARS,
      atStep: 'the step at which the run opens: those before it are passed (default: the first)',
    },
    would: (order, contacts) => `start ${sequenceName(order)} for ${contacts}`,
    did: {
      started: (answer, order, contact) => `started ${eachRun(answer, order)} for ${contact}`,
      already_active: ({ run, key }, order, contact) =>
        `${contact} is in ${sequenceName(keyedBy(order, key))} already, run ${run}`,
    },
  },
  stopSequence: {
    help: 'take contacts out of a sequence',
    options: { key: 'the run of this key, of a sequence with keys (default: each)' },
    would: (order, contacts) => `stop ${sequenceName(order)} for ${contacts}`,
    did: {
      stopped: (answer, order, contact) => `stopped ${eachRun(answer, order)} for ${contact}`,
      not_active: ({ run }, order, contact) =>
        run === 0
          ? `${contact} was never in ${sequenceName(order)}`
          : `run ${run} of ${sequenceName(order)} is over for ${contact}`,
    },
  },
  restartSequence: {
    help: 'stop, then start, in one',
    options: {
      key: 'what the run is about, of a sequence with keys',
      vars: `${VARS} (default: as the run before)`,
    },
    would: (order, contacts) => `restart ${sequenceName(order)} for ${contacts}`,
    did: {
      restarted: ({ run, key }, order, contact) =>
        `restarted ${sequenceName(keyedBy(order, key))} for ${contact}, as run ${run}`,
      started: ({ run, key }, order, contact) =>
        `started ${sequenceName(keyedBy(order, key))} for ${contact}, as run ${run}`,
    },
  },
  pauseSequence: {
    help: 'hold everything of a sequence',
    options: { key: 'the run of this key, of a sequence with keys (default: each)' },
    would: (order, contacts) => `pause ${sequenceName(order)} for ${contacts}`,
    did: {
      paused: (answer, order, contact) => `paused ${eachRun(answer, order)} for ${contact}`,
      already_paused: (answer, order, contact) => `${eachRun(answer, order)} is paused already for ${contact}`,
    },
  },
  resumeSequence: {
    help: 'let a sequence go on',
    options: {
      shift: 'the wait in progress is longer by the pause (default: due times stand)',
      key: 'the run of this key, of a sequence with keys (default: each)',
    },
    would: (order, contacts) => `resume ${sequenceName(order)} for ${contacts}`,
    did: {
      resumed: (answer, order, contact) => `resumed ${eachRun(answer, order)} for ${contact}`,
      not_paused: (answer, order, contact) => `${eachRun(answer, order)} is not paused for ${contact}`,
    },
  },
  resendStep: {
    help: 'send one step again, now',
    options: { key: 'what the run is about, of a sequence with keys' },
    would: (order, contacts) => `send again ${stepName(order)} for ${contacts}`,
    did: {
      resent: ({ run, resend }, order, contact) =>
        `ordered ${stepName(order)}, run ${run}, again for ${contact}: resend ${resend}`,
    },
  },
  cancelStep: {
    help: 'take out a step that was not dispatched yet',
    options: { key: 'what the run is about, of a sequence with keys' },
    would: (order, contacts) => `cancel ${stepName(order)} for ${contacts}`,
    did: {
      cancelled: ({ run }, order, contact) => `cancelled ${stepName(order)}, run ${run}, for ${contact}`,
      already_cancelled: ({ run }, order, contact) =>
        `${stepName(order)}, run ${run}, is cancelled already for ${contact}`,
    },
  },
  skipStep: {
    help: 'take out a step and its wait: the next is counted from now; asks first where no step is left, which ends the run',
    options: { key: 'what the run is about, of a sequence with keys' },
    would: (order, contacts) => `skip ${stepName(order)} for ${contacts}`,
    did: {
      skipped: ({ run }, order, contact) => `skipped ${stepName(order)}, run ${run}, for ${contact}`,
      already_skipped: ({ run }, order, contact) => `${stepName(order)}, run ${run}, is skipped already for ${contact}`,
    },
    final: 'end',
  },
  sendNow: {
    help: 'send the step that stands next now, whatever its wait and its window say',
    options: { key: 'what the run is about, of a sequence with keys' },
    would: (order, contacts) => `send the next step of ${sequenceName(order)} now for ${contacts}`,
    did: {
      due_now: ({ run, stepId }, order, contact) =>
        `ordered ${named(stepId)} of ${sequenceName(order)}, run ${run}, to be sent now for ${contact}`,
    },
  },
  rescheduleStep: {
    help: 'give a step another instant, or give it back to its timer',
    options: {
      dueAt: 'when it is to be due',
      clear: 'by its timer again',
      key: 'what the run is about, of a sequence with keys',
    },
    would: (order, contacts) =>
      order.dueAt === undefined
        ? `give ${stepName(order)} back to its timer for ${contacts}`
        : `reschedule ${stepName(order)} to ${order.dueAt} for ${contacts}`,
    did: {
      rescheduled: ({ run, from, to }, order, contact) =>
        `rescheduled ${stepName(order)}, run ${run}, for ${contact}: ${from ?? 'when it comes to it'} → ${to}`,
      cleared: ({ run, to }, order, contact) =>
        `gave ${stepName(order)}, run ${run}, back to its timer for ${contact}${to === null ? '' : `: due ${to}`}`,
      not_rescheduled: ({ run }, order, contact) =>
        `${stepName(order)}, run ${run}, is due by its timer for ${contact}`,
    },
  },
  shiftRun: {
    help: 'let all waits to come end later, or earlier',
    options: {
      by: 'how much later, such as P2D; earlier: --by=-PT3H',
      key: 'the run of this key, of a sequence with keys (default: each)',
    },
    would: (order, contacts) => `shift ${sequenceName(order)} by ${order.by} for ${contacts}`,
    did: {
      shifted: (answer, order, contact) => `shifted ${eachRun(answer, order)} by ${order.by} for ${contact}`,
    },
  },
  moveRun: {
    help: 'let a run go on at another step, or in another sequence',
    options: {
      toStep: 'the step at which it goes on',
      toSequence: 'the sequence of the campaign that starts in its place',
      wait: 'the wait of the step: keep (counted from now, the default), or none (due now)',
      again: 'going back, send again what was sent',
      key: 'what the run is about, of a sequence with keys',
    },
    would: (order, contacts) => `move ${sequenceName(order)} to ${placeName(order)} for ${contacts}`,
    did: {
      moved: ({ run }, order, contact) =>
        `moved ${sequenceName(order)} to ${placeName(order)}, run ${run}, for ${contact}`,
    },
  },
  stopAll: {
    help: 'take contacts out of every sequence',
    options: {},
    would: (_, contacts) => `stop every sequence for ${contacts}`,
    did: {
      stopped: ({ stopped }, _, contact) => `stopped ${runsInWords(stopped)} for ${contact}`,
      not_active: (_answer, _order, contact) => `${contact} is in no sequence`,
    },
  },
  suppress: {
    help: 'ban contacts: nothing starts',
    options: { until: 'when the ban ends (default: never)' },
    would: ({ until }, contacts) => `suppress ${contacts} ${spanOf(until)}`,
    did: {
      suppressed: ({ stopped }, { until }, contact) =>
        `suppressed ${contact} ${spanOf(until)}${stopped.length === 0 ? '' : `, stopped ${runsInWords(stopped)}`}`,
      already_suppressed: (_answer, _order, contact) => `${contact} is suppressed already`,
    },
  },
  unsuppress: {
    help: 'end the ban',
    options: {},
    would: (_, contacts) => `end the ban of ${contacts}`,
    did: {
      unsuppressed: (_answer, _order, contact) => `${contact} is suppressed no longer`,
      not_suppressed: (_answer, _order, contact) => `${contact} is not suppressed`,
    },
  },
  erase: {
    help: 'forget contacts for good; the log keeps their bare ids; always asks first',
    options: {},
    would: (_, contacts) => `erase ${contacts}`,
    did: {
      erased: ({ holds }, _, contact) =>
        `erased ${contact}; its events hold ${heldInWords(holds) || 'nothing of yours'}`,
    },
    final: 'order',
  },
  signal: {
    help: 'hand over what happened in the CRM: it may satisfy goals',
    options: {},
    would: ({ kind }, contacts) => `hand over the signal ${named(kind)} for ${contacts}`,
    did({ goals }, _, contact) {
      const told = goals.map(goalInWords).join('; ')
      if (goals.some(({ outcome }) => outcome === 'satisfied'))
        return { outcome: 'satisfied', changed: true, text: `${contact} ${told}` }
      const why = goals.length === 0 ? '' : ` (${told})`
      return { outcome: 'no_goal', changed: false, text: `${contact} satisfied no goal${why}` }
    },
  },
  retractSignal: {
    help: 'take a signal back, and undo the starts and stops that it led to; always asks first',
    options: {
      stopSent: 'stop the runs that it started and that have sent something (default: leave them alone)',
      shift: 'the waits of runs that go on again are longer by the gap (default: due times stand)',
    },
    would: ({ signalId }, contacts) => `retract the signal ${named(signalId)} of ${contacts}`,
    did: {
      retracted: ({ results }, { signalId }, contact) =>
        `retracted the signal ${named(signalId)} of ${contact}: ${undoneInWords(results)}`,
      already_retracted: (_answer, { signalId }, contact) =>
        `the signal ${named(signalId)} of ${contact} is retracted already`,
    },
    final: 'order',
  },
  undoOrder: {
    help: 'undo what one order did, by its command id; what was sent stays sent',
    options: {
      undoes: 'the command id of the order that is to be undone',
      stopSent: 'stop the runs that it started and that have sent something (default: leave them alone)',
      shift: 'the waits of runs that go on again are longer by the gap (default: due times stand)',
    },
    would: ({ undoes }, contacts) => `undo the order ${named(undoes)} for ${contacts}`,
    did: {
      undone: undoneOrder,
      restored: undoneOrder,
      stopped: undoneOrder,
      already_sent: ({ results }, { undoes }, contact) =>
        `something was sent to ${contact} since the order ${named(undoes)}, so it is left alone: ${runsInWords(results)}`,
      changed_since: (_, { undoes }, contact) =>
        `more has happened to ${contact} since the order ${named(undoes)}, so it is left alone`,
      nothing_to_undo: (_, { undoes }, contact) =>
        `nothing of the order ${named(undoes)} is left to undo for ${contact}`,
    },
  },
}

function undoneOrder(
  { results }: { readonly results: readonly UndoneRun[] },
  { undoes }: { readonly undoes: string },
  contact: string,
): string {
  return `undid the order ${named(undoes)} for ${contact}${results.length === 0 ? '' : `: ${undoneInWords(results)}`}`
}

/** "pool/nurture run 3 restored" */
function undoneInWords(results: readonly UndoneRun[]): string {
  if (results.length === 0) return 'it had started and stopped nothing'
  return results.map((one) => `${sequenceName(one)} run ${one.run} ${one.outcome.replaceAll('_', ' ')}`).join(', ')
}

interface CampaignSentences<Name extends CampaignVerbName> {
  readonly help: string
  readonly did: {
    readonly [Outcome in CampaignOutcome<Name>]: (campaign: string, version: number, command: string) => string
  }
}

export const CAMPAIGN_SENTENCES: { readonly [Name in CampaignVerbName]: CampaignSentences<Name> } = {
  publish: {
    help: 'publish a campaign, or say that it is published already',
    did: {
      published: (campaign, version, command) => `published version ${version} of ${campaign}, command ${command}`,
      superseded: (campaign, version) => `version ${version} of ${campaign} has a higher revision: nothing changed`,
      unchanged: (campaign, version) =>
        `${campaign} is published already as it is: nothing changed, at version ${version}`,
    },
  },
  unpublish: {
    help: 'refuse new starts and goals of a campaign; runs go on',
    did: {
      unpublished: (campaign, version, command) =>
        `unpublished ${campaign}, which was at version ${version}, command ${command}`,
      not_published: (campaign, version) => `${campaign} is not published: nothing changed, at version ${version}`,
    },
  },
  pauseCampaign: {
    help: 'hold all steps of a campaign, or of some of its sequences, until it is resumed',
    did: {
      paused: (campaign, _, command) => `paused ${campaign}, command ${command}`,
      already_paused: (campaign) => `${campaign} is paused already: nothing changed`,
    },
  },
  resumeCampaign: {
    help: 'end the pause of a campaign; say what becomes of waits that ran meanwhile',
    did: {
      resumed: (campaign, _, command) => `resumed ${campaign}, command ${command}`,
      not_paused: (campaign) => `${campaign} is not paused: nothing changed`,
    },
  },
}

/** "mistake-4"; "vip"; "mistake-4 of vip" */
function placeName({ toStep, toSequence }: Pick<OrderOf<'moveRun'>, 'toStep' | 'toSequence'>): string {
  return [toStep, toSequence].flatMap((id) => (id === undefined ? [] : [named(id)])).join(' of ')
}

function stepName({ stepId, ...ref }: SequenceRef & { readonly stepId: string }): string {
  return `${named(stepId)} of ${sequenceName(ref)}`
}

function spanOf(until: Instant | null | undefined): string {
  return until === null || until === undefined ? 'without end' : `until ${until}`
}

/** "run 1 of shop/remind"; where an answer is about each key, each of them. */
function eachRun(
  { run, key, runs }: { readonly run: number; readonly key?: string; readonly runs?: readonly KeyedOutcome[] },
  order: SequenceRef,
): string {
  const all = runs === undefined || runs.length === 0 ? [{ run, key }] : runs
  return all.map((one) => `run ${one.run} of ${sequenceName(keyedBy(order, one.key))}`).join(', ')
}

function keyedBy({ campaignId, sequenceId, key }: SequenceRef, answered: string | undefined): SequenceRef {
  const keyed = answered ?? key
  return keyed === undefined ? { campaignId, sequenceId } : { campaignId, sequenceId, key: keyed }
}

function runsInWords(runs: readonly RunRef[]): string {
  return runs.map((ref) => `${sequenceName(ref)} run ${ref.run}`).join(', ')
}

function goalInWords({ campaignId, goalId, outcome, stopped, started }: GoalAnswer): string {
  const name = `${named(campaignId)}/${named(goalId)}`
  if (outcome === 'not_member') return `${name} is for members`
  if (outcome === 'suppressed') return `${name} while suppressed`
  const changes = [
    ...stopped.map(({ sequenceId, key, run }) => `stopped ${named(sequenceId)}${keyInWords(key)} run ${run}`),
    ...started.map(({ sequenceId, key, run, outcome }) => {
      const name = `${named(sequenceId)}${keyInWords(key)}`
      return outcome === 'started' ? `started ${name} run ${run}` : `${name} goes on, run ${run}`
    }),
  ]
  return `satisfied ${name}${changes.length === 0 ? '' : `: ${changes.join(', ')}`}`
}
