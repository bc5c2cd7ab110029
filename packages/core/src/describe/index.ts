/** Events, causes, evidence and reasons in words: for terminals, consoles, and pages of the host's own. */
export { describeCause } from './cause.ts'
export { describeDelivery } from './delivery.ts'
export { describeEvent } from './event.ts'
export { describeEvidence } from './evidence.ts'
export { describeNotRun } from './not-run.ts'
export { describeNotSatisfied } from './not-satisfied.ts'
export { describeScheduleChange } from './schedule-change.ts'
export { idInWords, type Nameable, visibleText, type Wording } from './wording.ts'
