/** For the tests of this package: a step's call as the engine makes it. */
import { idempotencyKeyOf, type StepCall } from '@enfold/core'

type Given = Partial<Omit<StepCall, 'step'>> & { readonly step?: Partial<StepCall['step']> }

export function givenCall(given: Given = {}): StepCall {
  const sending = { contactId: 'ann', campaignId: 'pool-owners', sequenceId: 'nurture', run: 1, resend: 0, ...given }
  const step = { id: 'mistake-1', kind: 'email', params: { template: 'mistake-1' }, ...given.step }
  return {
    facts: {},
    attempt: 1,
    idempotencyKey: idempotencyKeyOf({ ...sending, stepId: step.id }),
    signal: new AbortController().signal,
    ...sending,
    step,
  }
}
