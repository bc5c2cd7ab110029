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
import { undoOrder } from './undo-order.ts'
import { unsuppress } from './unsuppress.ts'
import type { GoalAnswer } from './verb.ts'

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
  /**
   * Undoes what an order did, by its command id (`undoes`). `results`: what became of each run that it started or stopped.
   * `stopSent` and `shift` as of `retractSignal` (UNDO-6).
   */
  undoOrder,
} as const

export type VerbName = keyof typeof VERBS
export type VerbOf<Name extends VerbName> = (typeof VERBS)[Name]
export const VERB_NAMES = Object.keys(VERBS) as readonly VerbName[]

/** What is done to each contact of an action: the word of any verb, such as `start` or `send-now`. */
export type ActionVerb = VerbOf<VerbName>['word']

type ByWord = { readonly [Name in VerbName as VerbOf<Name>['word']]: VerbOf<Name> }

/** Every verb by its word: what an action over many contacts can do to each. */
export const ACTION_VERBS = Object.fromEntries(
  VERB_NAMES.map((name) => [VERBS[name].word, VERBS[name]]),
) as unknown as ByWord

export const ACTION_VERB_NAMES = Object.keys(ACTION_VERBS) as readonly ActionVerb[]

const NAME_OF_WORD: ReadonlyMap<string, VerbName> = new Map(VERB_NAMES.map((name) => [VERBS[name].word, name]))

/** The name on the engine of the verb of an action. */
export function verbOfAction(word: ActionVerb): VerbName {
  return NAME_OF_WORD.get(word) as VerbName
}

/** What an action can be: a verb for many contacts, or the undoing of another action (UNDO-1). */
export type ActionKind = ActionVerb | 'undo'

export const ACTION_KINDS: readonly ActionKind[] = [...ACTION_VERB_NAMES, 'undo']

/**
 * What is needed to order an action of this kind, cancel or resume it. An undo may stop and start whatever was begun, and
 * needs what the order needed that it undoes.
 *
 * @param undone of an undo: the kind of the action that it undoes
 */
export function actionPermission(kind: ActionKind, undone: ActionKind = 'start'): readonly Permission[] {
  if (kind !== 'undo') return ACTION_VERBS[kind].permission
  return [...new Set<Permission>(['start', 'stop', ...(undone === 'undo' ? [] : ACTION_VERBS[undone].permission)])]
}

// --- What an action comes to for a contact ------------------------------------------------------------------------------

/** Verbs whose answers have no outcome. */
type Wordless = {
  readonly [Name in VerbName]: [VerbOf<Name>['outcomes'][number]] extends [never] ? Name : never
}[VerbName]

/** Of a signal to many contacts: whether it satisfied a goal of the contact. */
const SIGNAL_OUTCOMES = ['satisfied', 'no_goal'] as const

/** What an action says in one word of an answer that has none. */
const IN_ONE_WORD: {
  readonly [Name in Wordless]: {
    readonly outcomes: readonly (typeof SIGNAL_OUTCOMES)[number][]
    readonly unchanged: readonly (typeof SIGNAL_OUTCOMES)[number][]
    of(answer: object): (typeof SIGNAL_OUTCOMES)[number]
  }
} = {
  signal: {
    outcomes: SIGNAL_OUTCOMES,
    unchanged: ['no_goal'],
    of: (answer) =>
      (answer as { readonly goals: readonly GoalAnswer[] }).goals.some(({ outcome }) => outcome === 'satisfied')
        ? 'satisfied'
        : 'no_goal',
  },
}

function inOneWord(word: ActionVerb) {
  const name = verbOfAction(word)
  return Object.hasOwn(IN_ONE_WORD, name) ? IN_ONE_WORD[name as Wordless] : null
}

/** What stands in the way of an action for one contact, which no verb has an outcome for. `failed`: its result says why. */
export const ACTION_TROUBLES = ['contact_unknown', 'suppressed', 'failed'] as const

/** What an action can come to for one contact: an outcome of its verb or of its undoing, or what stood in its way. */
export type ActionOutcome =
  | VerbOf<VerbName>['outcomes'][number]
  | (typeof SIGNAL_OUTCOMES)[number]
  | UndoRunOutcome
  | (typeof ACTION_TROUBLES)[number]

/** What an action of this kind can come to for a contact, the troubles last. */
export function actionOutcomesOf(kind: ActionKind): readonly ActionOutcome[] {
  const words = kind === 'undo' ? UNDO_RUN_OUTCOMES : (inOneWord(kind)?.outcomes ?? ACTION_VERBS[kind].outcomes)
  return [...new Set<ActionOutcome>([...words.filter((outcome) => outcome !== 'failed'), ...ACTION_TROUBLES])]
}

/** Those outcomes that leave a contact as it was. */
export function actionUnchangedOf(kind: ActionKind): readonly ActionOutcome[] {
  if (kind === 'undo') return ['already_sent', 'changed_since', 'nothing_to_undo']
  return inOneWord(kind)?.unchanged ?? ACTION_VERBS[kind].unchanged
}

/** What stands in the way of an action of this kind: for a ban, `suppressed` is no trouble. */
export function actionTroublesOf(kind: ActionKind): readonly ActionOutcome[] {
  const words: readonly string[] = kind === 'undo' ? [] : ACTION_VERBS[kind].outcomes
  return ACTION_TROUBLES.filter((trouble) => !words.includes(trouble))
}

/** The outcome of a verb's answer, in one word. */
export function actionOutcomeOf(word: ActionVerb, answer: object): ActionOutcome {
  return inOneWord(word)?.of(answer) ?? (answer as { readonly outcome: ActionOutcome }).outcome
}

export const ACTION_OUTCOMES: readonly ActionOutcome[] = [
  ...new Set([
    // Troubles last, a ban among them, which is also what a verb comes to.
    ...ACTION_VERB_NAMES.flatMap((word): readonly ActionOutcome[] => ACTION_VERBS[word].outcomes).filter(
      (outcome) => outcome !== 'suppressed',
    ),
    ...SIGNAL_OUTCOMES,
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
export { mayBeUndone, type UndoOrder } from './undo-order.ts'
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
