/** What an operator reads of each order: its page, its buttons, and the result. The compiler asks for those of a new verb. */
import {
  type ActionKind,
  type ActionOutcome,
  type SequenceId,
  type StepId,
  VERB_NAMES,
  VERBS,
  type VerbName,
  type VerbOf,
  verbOfAction,
} from '@enfold/core'
import type { ContactView, EnrollmentView, StepView } from '@enfold/engine'
import { html } from 'hono/html'
import type { Call, Html } from './call.ts'
import { isInProgress } from './contact-shown.ts'
import { Failure } from './failure.ts'
import { instantOfField } from './when.ts'

/**
 * The verbs whose pages are alike. An erasure is no order to be given in passing, a signal is none at all, and an undo has a
 * page of its own.
 */
export type PageVerb = Exclude<VerbName, 'erase' | 'signal' | 'undoOrder'>

/** What the contact's page shows of it, by what a verb is about. */
interface ShownAs {
  readonly contact: Pick<ContactView, 'enrollments' | 'suppressed'>
  readonly sequence: EnrollmentView
  readonly step: { readonly run: EnrollmentView; readonly step: StepView }
  readonly signal: never
  /** The id of a signal. */
  readonly received: { readonly signalId: string; readonly isRetracted: boolean }
}

export interface Sentences<Name extends PageVerb = PageVerb> {
  readonly title: string
  /** What will happen, in a sentence or two. */
  readonly says: string
  /** What nothing undoes of it: a sentence that is also shown next to a preview. */
  readonly final?: string
  /** On the contact's page. Default: the title. */
  readonly button?: string
  /** Whether the contact's page has a button for it. */
  offered(about: ShownAs[VerbOf<Name>['about']]): boolean
  /** Further fields of the form, with what was said in them so far. */
  readonly fields?: (call: Call, steps: readonly StepChoice[]) => Html
  /** Whether the fields have to be filled in before it is an order. Default false. */
  readonly needsFields?: true
  /** What the verb takes of them. */
  readonly taken?: (call: Call) => object
}

/** Steps of one sequence, from which one is chosen. */
export interface StepChoice {
  readonly sequenceId: SequenceId
  readonly title: string
  /** Whether it is the sequence that the order is about. */
  readonly isOwn: boolean
  readonly stepIds: readonly StepId[]
}

const option = (value: string, chosen: string, text: string | Html = value): Html =>
  html`<option value="${value}"${value === chosen ? html` selected` : ''}>${text}</option>`

function stepOptions(steps: readonly StepChoice[], chosen: string): Html {
  return html`${steps.map(({ title, stepIds }) => html`<optgroup label="${title}">${stepIds.map((stepId) => option(stepId, chosen))}</optgroup>`)}`
}

const said = ({ form }: Pick<Call, 'form'>, field: string): string => form.get(field) ?? ''
const ticked = ({ form }: Pick<Call, 'form'>, field: string): Html | '' => (form.has(field) ? html` checked` : '')

/** How something is undone: the same for a signal, an order and an action. */
export function undoFields({ stopSent, shift } = { stopSent: false, shift: false }): Html {
  return html`<label class="tick"><input type="checkbox" name="stopSent" value="yes"${stopSent ? html` checked` : ''}> Stop runs that have sent something already (otherwise they go on)</label>
<label class="tick"><input type="checkbox" name="shift" value="yes"${shift ? html` checked` : ''}> Make the waits of runs that go on again longer by the gap</label>`
}

export function undoTaken({ form }: Pick<Call, 'form'>): { readonly stopSent: boolean; readonly shift: boolean } {
  return { stopSent: form.get('stopSent') === 'yes', shift: form.get('shift') === 'yes' }
}

const SENTENCES: { readonly [Name in PageVerb]: Sentences<Name> } = {
  startSequence: {
    title: 'Start',
    says: 'It starts at the very first step unless you choose another, even if the contact had some or all of it before. If it is in progress already, nothing is changed.',
    // It has a form of its own, with the sequences to choose from.
    offered: () => false,
    fields: (call, steps) =>
      html`<label>At step <select name="atStep"><option value="">the first</option>${stepOptions(
        steps.filter(({ isOwn }) => isOwn),
        said(call, 'atStep'),
      )}</select></label>`,
    taken: (call) => (said(call, 'atStep') === '' ? {} : { atStep: said(call, 'atStep') }),
  },
  stopSequence: {
    title: 'Stop',
    says: 'No further step of it is sent. Other sequences of the contact go on. A goal that is satisfied later can start it again.',
    offered: ({ status }) => isInProgress(status) || status === 'waiting',
  },
  restartSequence: {
    title: 'Restart',
    says: 'It is stopped, and started again at its first step.',
    offered: ({ status }) => isInProgress(status) || status === 'waiting',
  },
  pauseSequence: {
    title: 'Pause',
    says: 'None of its steps is sent until it is resumed.',
    offered: ({ status }) => status === 'active',
  },
  resumeSequence: {
    title: 'Resume',
    says: 'Due times stay as they were, and what fell due meanwhile is sent now. Or make the current wait longer by the pause.',
    offered: ({ status }) => status === 'paused',
    fields: (call) =>
      html`<label class="tick"><input type="checkbox" name="shift" value="yes"${ticked(call, 'shift')}> Make the wait in progress longer by the pause</label>`,
    taken: ({ form }) => ({ shift: form.get('shift') === 'yes' }),
  },
  skipStep: {
    title: 'Skip',
    says: 'The step is over now and is not sent. The wait of the next step begins now, or, if the run has not come to this step yet, when it does.',
    final: 'To skip the last step ends the run, and nothing undoes that.',
    // As SKIP-1 has it; the engine decides again.
    offered: ({ run, step: { status } }) => (status === 'pending' || status === 'held') && isInProgress(run.status),
  },
  sendNow: {
    title: 'Send now',
    says: 'The step that stands next is sent now, whatever its wait and its window say, and the run goes on from there.',
    // As NOW-1 has it; the engine decides again.
    offered: ({ status }) => status === 'active',
  },
  rescheduleStep: {
    title: 'Reschedule',
    says: 'The step is due at an instant of yours, whatever its timer says, or by its timer again.',
    offered: ({ run, step: { status } }) => (status === 'pending' || status === 'held') && isInProgress(run.status),
    needsFields: true,
    fields: (call) =>
      html`<label>Due <input type="datetime-local" name="dueAt" value="${said(call, 'dueAt')}"> <small>in ${call.timeZone}; empty: by its timer again</small></label>`,
    taken: ({ form, timeZone }) => {
      const text = form.get('dueAt') ?? ''
      if (text === '') return { clear: true }
      const dueAt = instantOfField(text, timeZone)
      if (dueAt === null) throw new Failure(422, 'Invalid date or time.')
      return { dueAt }
    },
  },
  shiftRun: {
    title: 'Shift',
    says: 'All waits that are still to come end so much later, or earlier, but not before now.',
    offered: ({ status }) => isInProgress(status),
    needsFields: true,
    fields: (call) =>
      html`<label>By <input name="by" value="${said(call, 'by')}" required pattern="[+-]?P.+" placeholder="P2D"> <small>a duration such as P2D or PT3H; with "-" in front of it: earlier</small></label>`,
    taken: ({ form }) => ({ by: form.get('by') ?? '' }),
  },
  moveRun: {
    title: 'Move',
    says: 'The run goes on at another step. Going forwards, what lies between is not sent. Going back, what was sent is not sent again unless you say so. Or it ends here, and another sequence of the campaign starts in its place.',
    offered: ({ status }) => isInProgress(status),
    needsFields: true,
    fields: (call, steps) =>
      html`<label>To step <select name="toStep"><option value="">the first of the sequence below</option>${stepOptions(steps, said(call, 'toStep'))}</select></label>
<label>In sequence <select name="toSequence"><option value="">this run</option>${steps.map(
        ({ sequenceId, title, isOwn }) =>
          option(sequenceId, said(call, 'toSequence'), isOwn ? `${title}, as a new run` : title),
      )}</select> <small>another one: the run ends here, and that one starts in its place</small></label>
<label class="tick"><input type="checkbox" name="wait" value="none"${ticked(call, 'wait')}> Due now, without its wait</label>
<label class="tick"><input type="checkbox" name="again" value="yes"${ticked(call, 'again')}> Send again what was sent</label>`,
    taken({ form }) {
      const [toStep, toSequence] = [form.get('toStep') ?? '', form.get('toSequence') ?? '']
      if (toStep === '' && toSequence === '') throw new Failure(422, 'Say to which step or sequence.')
      return {
        ...(toStep === '' ? {} : { toStep }),
        ...(toSequence === '' ? {} : { toSequence }),
        ...(form.get('wait') === 'none' ? { wait: 'none' } : {}),
        ...(form.get('again') === 'yes' ? { again: true } : {}),
      }
    },
  },
  stopAll: {
    title: 'Stop all sequences',
    says: 'The contact is taken out of every sequence of every campaign. Goals that are satisfied later can start them again: only a ban forbids that.',
    button: 'Stop all',
    offered: ({ enrollments }) => enrollments.some(({ status }) => isInProgress(status) || status === 'waiting'),
  },
  suppress: {
    title: 'Suppress',
    says: 'Everything is stopped, and nothing can start, by hand or by a goal, until the ban ends or is lifted.',
    offered: ({ suppressed }) => suppressed === null,
    fields: (call) =>
      html`<label>Until <input type="datetime-local" name="until" value="${said(call, 'until')}"> <small>in ${call.timeZone}; empty: without end</small></label>`,
    taken: ({ form, timeZone }) => {
      const text = form.get('until') ?? ''
      const until = text === '' ? null : instantOfField(text, timeZone)
      if (text !== '' && until === null) throw new Failure(422, 'Invalid date or time.')
      return { until }
    },
  },
  unsuppress: {
    title: 'Lift the ban',
    says: 'Sequences can be started again. Those that were stopped stay stopped.',
    offered: ({ suppressed }) => suppressed !== null,
  },
  resendStep: {
    title: 'Resend',
    says: 'The step is sent once more, now, outside the schedule. The times of all other steps stay as they are.',
    // As RESEND-2 has it; the engine decides again.
    offered: ({ step: { status } }) => ['sent', 'failed', 'skipped', 'held'].includes(status),
  },
  cancelStep: {
    title: 'Cancel',
    says: 'The step is left out of this run. Its wait stays, so later steps keep their times.',
    // As CANCEL-1 has it; the engine decides again.
    offered: ({ run, step: { status } }) => (status === 'pending' || status === 'held') && isInProgress(run.status),
  },
  retractSignal: {
    title: 'Retract',
    says: 'The signal was a mistake. Runs that it started become as if they had never begun, and runs that it stopped go on where they stood. What was sent stays sent.',
    final: 'Nothing undoes a retraction.',
    offered: ({ isRetracted }) => !isRetracted,
    fields: (call) => undoFields(undoTaken(call)),
    taken: undoTaken,
  },
}

const isPageVerb = (name: VerbName): name is PageVerb => Object.hasOwn(SENTENCES, name)

const PAGE_VERBS = VERB_NAMES.filter(isPageVerb)

export function sentencesOf<Name extends PageVerb>(name: Name): Sentences<Name> {
  return SENTENCES[name]
}

/** The verb of a page, by its word; `null`: there is no such page. */
export function pageVerbOf(word: string): PageVerb | null {
  return PAGE_VERBS.find((name) => VERBS[name].word === word) ?? null
}

/** The verbs that the page has a button for, for what it shows. */
export function offeredFor<About extends keyof ShownAs>(about: About, shown: ShownAs[About]): readonly PageVerb[] {
  return PAGE_VERBS.filter((name) => VERBS[name].about === about && offers(SENTENCES[name], shown))
}

function offers({ offered }: { offered(about: never): boolean }, shown: object): boolean {
  return offered(shown as never)
}

const OUTCOME_TEXTS: { readonly [Outcome in VerbOf<PageVerb | 'undoOrder'>['outcomes'][number]]: string } = {
  started: 'Started from its first step.',
  restarted: 'Stopped, and started again from its first step.',
  already_active: 'It is in the sequence already. Nothing was changed, and nothing reset.',
  stopped: 'Stopped. No further step of it is sent.',
  not_active: 'It was not in the sequence. Nothing was changed.',
  paused: 'Paused. None of its steps is sent until it is resumed.',
  already_paused: 'It was paused already. Nothing was changed.',
  resumed: 'Resumed.',
  not_paused: 'It was not paused. Nothing was changed.',
  resent: 'The step is sent again as soon as a dispatcher comes by. The schedule stays as it is.',
  cancelled: 'The step was cancelled. Later steps keep their times.',
  already_cancelled: 'The step was cancelled already. Nothing was changed.',
  skipped: 'The step was skipped. The wait of the next step is counted from here.',
  already_skipped: 'The step was skipped already. Nothing was changed.',
  due_now: 'It is sent as soon as a dispatcher comes by, and the run goes on from there.',
  rescheduled: 'Rescheduled.',
  cleared: 'It is due by its timer again.',
  not_rescheduled: 'It is due by its timer. Nothing was changed.',
  shifted: 'Shifted. All waits that are still to come end at another time.',
  moved: 'Moved.',
  suppressed: 'Suppressed: everything was stopped, and nothing can start until it is lifted.',
  already_suppressed: 'Suppressed already, in the same way. Nothing was changed.',
  unsuppressed: 'The ban was lifted.',
  not_suppressed: 'There was no ban. Nothing was changed.',
  retracted: 'The signal was retracted. The history below says what became of each run.',
  already_retracted: 'The signal was retracted already. Nothing was changed.',
  undone: 'It is as if the order had never been given.',
  restored: 'What was stopped goes on where it stood.',
  already_sent: 'Something was sent since, and stays sent. Nothing was changed.',
  changed_since: 'More has happened since the order. Nothing was changed.',
  nothing_to_undo: 'Nothing of the order is left to undo. Nothing was changed.',
}

/** What an order came to, by its outcome. */
export const OUTCOMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(OUTCOME_TEXTS),
  // Not a verb: it changes when a contact is due, and no event says so.
  ['refreshed', 'Due times were computed again, with what the directory says now.'],
])

/** Outcomes that changed nothing are no success to be shown as one. */
export const UNCHANGED: ReadonlySet<string> = new Set([
  ...PAGE_VERBS.flatMap((name) => VERBS[name].unchanged),
  ...VERBS.undoOrder.unchanged,
])

/** What a form of many contacts needs of a verb. */
export type SentencesForMany = Pick<Sentences, 'title' | 'says' | 'final' | 'fields' | 'needsFields' | 'taken'>

/** Verbs that are ordered for many contacts, and have no page for one. */
const FOR_MANY_ONLY: { readonly [Name in Exclude<VerbName, PageVerb>]: SentencesForMany } = {
  erase: { title: 'Erase', says: 'These contacts are forgotten.', final: 'Nothing undoes an erasure.' },
  signal: {
    title: 'Hand over a signal',
    says: 'Something happened that may satisfy goals, the same for each of these contacts.',
    needsFields: true,
    fields: (call) =>
      html`<label>Kind <input name="kind" required maxlength="200" value="${said(call, 'kind')}" placeholder="form-submitted"></label>
<label>Data <input name="data" value="${said(call, 'data')}" placeholder='{"product":"robot"}'> <small>a JSON object; empty: none</small></label>`,
    taken(call) {
      const [kind, data] = [said(call, 'kind'), said(call, 'data')]
      if (kind === '') throw new Failure(422, 'Say of which kind the signal is.')
      return data === '' ? { kind } : { kind, data: objectOf(data) }
    },
  },
  undoOrder: {
    title: 'Undo an order',
    says: 'What the order with this command id did to each of these contacts is undone. What was sent stays sent.',
    needsFields: true,
    fields: (call) =>
      html`<label>Command id <input name="undoes" required maxlength="200" value="${said(call, 'undoes')}"></label>
${undoFields(undoTaken(call))}`,
    taken: (call) => ({ undoes: said(call, 'undoes'), ...undoTaken(call) }),
  },
}

function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below.
  }
  throw new Failure(422, 'The data is no JSON object.')
}

export function sentencesForMany(name: VerbName): SentencesForMany {
  return isPageVerb(name) ? sentencesOf(name) : FOR_MANY_ONLY[name]
}

/** An action over many, in a list to choose from. */
export function actionTitle(kind: ActionKind): string {
  if (kind === 'undo') return 'Undo'
  return kind === 'restart' ? 'Restart (stop, then start)' : sentencesForMany(verbOfAction(kind)).title
}

/** Where it is said of many contacts in other words than of one. */
const ACTION_TEXTS: ReadonlyMap<string, string> = new Map([
  ['started', 'start at the first step'],
  ['restarted', 'are stopped, and start again'],
  ['already_active', 'are in it already, and stay where they are'],
  ['stopped', 'are taken out'],
  ['not_active', 'are not in it, and stay as they are'],
  ['contact_unknown', 'are unknown to the directory'],
  ['undone', 'are as if it had never been ordered'],
  ['restored', 'go on where they stood'],
  ['already_sent', 'have been sent something, and are left alone'],
  ['changed_since', 'are left alone, because more has happened since'],
  ['nothing_to_undo', 'have nothing to undo'],
  ['failed', 'fail, each with its reason'],
  ['satisfied', 'satisfy a goal by it'],
  ['no_goal', 'satisfy no goal by it'],
  ['erased', 'are forgotten'],
])

/** What an action comes to for a contact, as a preview and a result say it. */
export function actionText(kind: ActionKind, outcome: ActionOutcome): string {
  if (outcome === 'suppressed' && kind !== 'suppress') return 'are suppressed, and not started'
  return ACTION_TEXTS.get(outcome) ?? OUTCOMES.get(outcome) ?? ''
}
