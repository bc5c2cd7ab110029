/** Every verb on one contact. A new one is a file next to these and a row in this table. */
import { UNDO_RUN_OUTCOMES, type UndoRunOutcome } from '../events.ts'
import { cancelStep } from './cancel-step.ts'
import { erase } from './erase.ts'
import { moveRun } from './move-run.ts'
import { pauseSequence } from './pause-sequence.ts'
import type { Permission } from './permission.ts'
import { rescheduleStep } from './reschedule-step.ts'
import { resendStep } from './resend-step.ts'
import { restartSequence } from './restart-sequence.ts'
import { resumeSequence } from './resume-sequence.ts'
import { retractSignal } from './retract-signal.ts'
import { sendNow } from './send-now.ts'
import { shiftRun } from './shift-run.ts'
import { signal } from './signal.ts'
import { skipStep } from './skip-step.ts'
import { startSequence } from './start-sequence.ts'
import { stopAll } from './stop-all.ts'
import { stopSequence } from './stop-sequence.ts'
import { suppress } from './suppress.ts'
import { unsuppress } from './unsuppress.ts'
import type { VerbFacts } from './verb.ts'

/** By the names that they have on the engine, in the order in which an API lists them. */
export const VERBS = {
  startSequence,
  stopSequence,
  /** Stop and start in one append (START-3). */
  restartSequence,
  pauseSequence,
  /** `shift` true: the wait in progress is longer by the pause. Default false: due times stand as they were (PAUSE-2). */
  resumeSequence,
  resendStep,
  cancelStep,
  /** The step and its wait are taken out (SKIP-1); `cancelStep` leaves the wait. */
  skipStep,
  /** The step that stands next is due now, under its scheduled key, whatever its window says (NOW-1). */
  sendNow,
  /** One step is due at an instant, or by its timer again with `clear` (SHIFT-1). */
  rescheduleStep,
  /** All waits that are still to come end later, or earlier (SHIFT-2). */
  shiftRun,
  /** The run goes on at another step, or in another sequence (JUMP-1, JUMP-2). */
  moveRun,
  stopAll,
  /** A ban until an instant, or without end (`until` null or left out). Rule STOP-4. */
  suppress,
  unsuppress,
  /** `holds`: how many values of the host's stand in the contact's stream up to the erasure, and remain (ERASE-1). */
  erase,
  signal,
  /**
   * Undoes what a signal led to. `results`: what became of each run. `stopSent` true: runs that it started, and that have
   * sent something, are stopped; `shift` true: the waits of runs that go on again are longer by the gap (UNDO-4).
   */
  retractSignal,
} as const

export type VerbName = keyof typeof VERBS
export type VerbOf<Name extends VerbName> = (typeof VERBS)[Name]
export const VERB_NAMES = Object.keys(VERBS) as readonly VerbName[]

/** What an action over many contacts can do to each, by the words that its order has for them. */
export const ACTION_VERBS = {
  start: startSequence,
  stop: stopSequence,
  restart: restartSequence,
} as const satisfies Readonly<Record<string, VerbFacts>>

/** What is done to each contact: `start`, `stop`, `restart`. */
export type ActionVerb = keyof typeof ACTION_VERBS

export const ACTION_VERB_NAMES = Object.keys(ACTION_VERBS) as readonly ActionVerb[]

/** What an action can be: a verb for many contacts, or the undoing of another action (UNDO-1). */
export type ActionKind = ActionVerb | 'undo'

export const ACTION_KINDS: readonly ActionKind[] = [...ACTION_VERB_NAMES, 'undo']

/** What is needed to order an action of this kind, cancel or resume it. An undo may stop and start whatever was begun. */
export function actionPermission(kind: ActionKind): readonly Permission[] {
  return kind === 'undo' ? ['start', 'stop'] : ACTION_VERBS[kind].permission
}

/** What stands in the way of an action for one contact, which no verb has an outcome for. `failed`: its result says why. */
export const ACTION_TROUBLES = ['contact_unknown', 'suppressed', 'failed'] as const

/** What an action can come to for one contact: an outcome of its verb or of its undoing, or what stood in its way. */
export type ActionOutcome =
  | (typeof ACTION_VERBS)[ActionVerb]['outcomes'][number]
  | UndoRunOutcome
  | (typeof ACTION_TROUBLES)[number]

export const ACTION_OUTCOMES: readonly ActionOutcome[] = [
  ...new Set([
    ...Object.values(ACTION_VERBS).flatMap(({ outcomes }): readonly ActionOutcome[] => outcomes),
    ...UNDO_RUN_OUTCOMES.filter((outcome) => outcome !== 'failed'),
    ...ACTION_TROUBLES,
  ]),
]

export {
  CAMPAIGN_VERBS,
  type CampaignOutcome,
  type CampaignVerbFacts,
  type CampaignVerbName,
} from './campaign-verbs.ts'
export type { CancelStep } from './cancel-step.ts'
export type { EraseContact } from './erase.ts'
export type { MoveRun } from './move-run.ts'
export type { PauseSequence } from './pause-sequence.ts'
export { PERMISSIONS, type Permission } from './permission.ts'
export type { RescheduleStep } from './reschedule-step.ts'
export type { ResendStep } from './resend-step.ts'
export type { RestartSequence } from './restart-sequence.ts'
export type { ResumeSequence } from './resume-sequence.ts'
export type { RetractSignal } from './retract-signal.ts'
export type { SendNow } from './send-now.ts'
export type { ShiftRun } from './shift-run.ts'
export type { HandleSignal } from './signal.ts'
export type { SkipStep } from './skip-step.ts'
export type { StartSequence } from './start-sequence.ts'
export type { StopAll } from './stop-all.ts'
export type { StopSequence } from './stop-sequence.ts'
export type { SuppressContact } from './suppress.ts'
export type { UnsuppressContact } from './unsuppress.ts'
export {
  type About,
  type AnswerTypes,
  GOAL_OUTCOMES,
  type GoalAnswer,
  type KeyedOutcome,
  SOMETIMES,
  type TakenTypes,
  type Takes,
  TOLD,
  type ToldTypes,
  type VerbFacts,
  WAITS,
} from './verb.ts'
