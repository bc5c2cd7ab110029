/** Orders on a sequence that runs once for each key: which enrollments they mean, and how they are answered (KEY-2). */
import type { OfSequence } from '../commands.ts'
import { type Enrollment, enrollmentOf, enrollmentsOf, newestRun, requireEach, requireKeyed } from '../enrollment.ts'
import type { ContactEvent, RunRef, SequenceRef } from '../events.ts'
import type { KeyedOutcome } from '../verbs/verb.ts'
import type { DecisionBuilder } from './builder.ts'

/** The enrollments that an order means: that of its key; without a key, every one of the sequence that is not left out. */
export function meant(command: OfSequence, decision: DecisionBuilder): readonly Enrollment[] {
  const one = command.key === undefined ? undefined : enrollmentOf(decision.state(), command)
  const all = command.key === undefined ? enrollmentsOf(decision.state(), command) : one === undefined ? [] : [one]
  // One whose only starts were undone is as one that never was.
  return all.filter((enrollment) => newestRun(enrollment) !== undefined)
}

/** To be asked before it is said that none of those that are meant is open: by then all of them count. */
export function requireMeant(command: OfSequence, decision: DecisionBuilder): void {
  if (command.key === undefined) requireEach(decision.state(), command)
}

/** The variable by which the sequence has keys, as its newest version says; `null`: it has none. */
export function perOf({ campaignId, sequenceId }: SequenceRef, { campaigns }: DecisionBuilder): string | null {
  const newest = campaigns.find(campaignId)?.versions.at(-1)
  return newest?.campaign.sequences.get(sequenceId)?.per ?? null
}

/** Whether the order is answered for each key: it names none, and the sequence has some. */
export function isForAll(command: OfSequence, decision: DecisionBuilder): boolean {
  if (command.key !== undefined) return false
  if (perOf(command, decision) !== null || meant(command, decision).some(({ key }) => key !== '')) return true
  requireKeyed(decision.state(), command)
  return false
}

/** What is said of one run, or of each. `run` is 0 where there is none, and where the answer is about several. */
export interface RunsAnswer<Outcome extends string> {
  readonly outcome: Outcome
  readonly run: number
  readonly key?: string
  readonly runs?: readonly KeyedOutcome[]
}

/** The answer about one run. */
export function answerOfRun<Outcome extends string>(
  outcome: Outcome,
  { key, run }: Pick<RunRef, 'key' | 'run'>,
): RunsAnswer<Outcome> {
  return key === undefined || key === '' ? { outcome, run } : { outcome, key, run }
}

/** The answer about every run of a keyed sequence that the order changed, or found so. */
export function answerOfEach<Outcome extends string>(
  outcome: Outcome,
  runs: readonly Pick<RunRef, 'key' | 'run'>[],
): RunsAnswer<Outcome> {
  return { outcome, run: 0, runs: runs.map(({ key = '', run }) => ({ key, run, outcome })) }
}

/** The answer to an order from what it added: about one run, or about each where it named no key. */
export function answerFromRuns<Outcome extends string>(
  outcome: Outcome,
  command: OfSequence,
  added: readonly ContactEvent[],
): RunsAnswer<Outcome> {
  const runs = added.flatMap(({ data }) => ('run' in data ? [data] : []))
  const [first] = runs
  const isOne = command.key !== undefined || (runs.length === 1 && first?.key === undefined)
  return isOne && first !== undefined ? answerOfRun(outcome, first) : answerOfEach(outcome, runs)
}
