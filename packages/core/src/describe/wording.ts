/** How ids, names, instants and texts of others stand in a sentence. */
import type { RunRef } from '../events.ts'
import type { CampaignId, GoalId, Instant, SequenceId, StepId } from '../ids.ts'

/** What may have a name: the narrowest id given is what it is. */
export interface Nameable {
  readonly campaignId: CampaignId
  readonly sequenceId?: SequenceId
  readonly goalId?: GoalId
  /** Of the sequence. */
  readonly stepId?: StepId
}

/** How a host says ids and instants. The default is made for a log: ids in full, instants in UTC. */
export interface Wording {
  /** The name of a campaign, sequence, goal or step, put in as it is. `undefined`: the id is said. */
  readonly name?: (thing: Nameable) => string | undefined
  /** The instant in the reader's zone. Default: as the log has it. */
  readonly instant?: (instant: Instant) => string
}

/**
 * The text with everything invisible in it written out: control characters, line ends, marks that turn the direction.
 * An id or a reason may hold any of them.
 *
 * @example
 * visibleText('a\nb') // 'a\\u{a}b'
 */
export function visibleText(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  )
}

/**
 * An id as it stands among other words: in quotes unless it is made of letters, digits and the like.
 *
 * @example
 * idInWords('mistake-1') // 'mistake-1'
 * idInWords('a/b') // '"a/b"'
 */
export function idInWords(id: string): string {
  return /^[\p{L}\p{N}_][\p{L}\p{N}._@+-]*$/u.test(id) ? id : valueInWords(id)
}

/** A JSON value on one line; a text in quotes. */
export function valueInWords(value: unknown): string {
  return visibleText(JSON.stringify(value))
}

export function campaignInWords(campaignId: CampaignId, { name }: Wording): string {
  return name?.({ campaignId }) ?? idInWords(campaignId)
}

/** "pool-owners/bought" */
export function goalInWords(
  { campaignId, goalId }: { readonly campaignId: CampaignId; readonly goalId: GoalId },
  { name }: Wording,
): string {
  return name?.({ campaignId, goalId }) ?? `${idInWords(campaignId)}/${idInWords(goalId)}`
}

/** "pool-owners/nurture, run 1"; where it is for a key: "shop/cart for cart-7, run 1" (KEY-1) */
export function runInWords({ campaignId, sequenceId, key, run }: RunRef, { name }: Wording): string {
  const sequence = name?.({ campaignId, sequenceId }) ?? `${idInWords(campaignId)}/${idInWords(sequenceId)}`
  return `${sequence}${keyInWords(key)}, run ${run}`
}

/** " for cart-7"; empty where there is no key. */
export function keyInWords(key: string | undefined): string {
  return key === undefined ? '' : ` for ${idInWords(key)}`
}

export function stepNameInWords(
  { campaignId, sequenceId, stepId }: Required<Pick<Nameable, 'campaignId' | 'sequenceId' | 'stepId'>>,
  { name }: Wording,
): string {
  return name?.({ campaignId, sequenceId, stepId }) ?? idInWords(stepId)
}

/** "mistake-1 of pool-owners/nurture, run 1, resend 2, attempt 3": the first sending and attempt are not counted. */
export function stepInWords(
  step: RunRef & { readonly stepId: StepId; readonly resend?: number; readonly attempt?: number },
  wording: Wording,
): string {
  const { resend = 0, attempt = 0 } = step
  return [
    `${stepNameInWords(step, wording)} of ${runInWords(step, wording)}`,
    ...(resend > 0 ? [`resend ${resend}`] : []),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ].join(', ')
}

export function instantInWords(instant: Instant, wording: Wording): string {
  return wording.instant?.(instant) ?? instant
}
