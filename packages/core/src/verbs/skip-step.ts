import type { OfStep } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { openStep, standsAt, stepRefOf } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { afterResolution } from '../decision/resolving.ts'
import { isLeft, right } from '../either.ts'
import { refOf } from '../enrollment.ts'
import { REASONS } from '../reasons.ts'
import { defineVerb, firstOf } from './verb.ts'

/** Where no run is named, the newest is meant: the only one that can have something to skip. */
export interface SkipStep extends OfStep {
  readonly type: 'SkipStep'
}

/** Resolves a step without sending it: the next is counted from now. SKIP-1, KEY-2. */
export const skipStep = defineVerb<SkipStep>()({
  command: 'SkipStep',
  word: 'skip',
  summary:
    'Takes a step and its wait out of this run: the next step is counted from now. If none is left, the run ends, and nothing undoes that',
  about: 'step',
  permission: ['cancel'],
  readsFacts: false,
  takes: { key: 'key' },
  outcomes: ['skipped', 'already_skipped'],
  unchanged: ['already_skipped'],
  answers: { run: 'count', key: 'key' },
  recordedBy: 'StepSkipped',
  decide(command, decision) {
    const found = openStep(command, decision, 'skipped')
    if (isLeft(found)) return found
    const { run, record, isDone } = found.right
    const inRun = { ...refOf(command), run: run.run }
    const ref = stepRefOf(command, run)
    if (isDone) return right(answerOfRun('already_skipped', ref))
    const ahead = standsAt(ref, run, decision) !== command.stepId
    const { operator: reason } = REASONS
    const skipped = { ...ref, resend: 0, attempt: record?.attempt ?? 0, reason, timing: null }
    decision.add('StepSkipped', { ...skipped, ...(ahead ? { ahead } : {}) }, byOperator(command))
    if (!ahead) afterResolution(decision, inRun, command.stepId, true)
    return right(null)
  },
  answerFrom: (added) => answerOfRun('skipped', firstOf(added, 'StepSkipped')),
})
