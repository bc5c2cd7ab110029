/** Adds up what forecasts of contacts come to, and says of a sample what the sums are worth (FORECAST-2). */
import {
  type CampaignId,
  compareIds,
  type ForecastStep,
  type Instant,
  isInstant,
  isLegalId,
  type SequenceId,
  type StepId,
} from '@enfold/core'

/** What was counted of one cell: a sum over contacts, and the sum of the squares of what each was sent. */
export type Count = readonly [cell: string, sent: number, squares: number, skipped: number, conditional: number]

/** What one step will come to in one span, over all contacts. */
export interface ForecastCell {
  /** Where the span begins. */
  readonly from: Instant
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly stepId: StepId
  readonly sent: number
  readonly skipped: number
  /** How many of both depend on a condition that is asked then. */
  readonly conditional: number
  /** Of a sample: `sent` is within so many of the true number, 95 times out of 100. 0 where every contact was played. */
  readonly error: number
}

/** Adds up what steps come to, in spans. */
export class Counts {
  readonly #counts: Map<string, Count>
  readonly #by: 'hour' | 'day'

  constructor(by: 'hour' | 'day', before: readonly Count[] = []) {
    this.#by = by
    this.#counts = new Map(before.map((count) => [count[0], count]))
  }

  /** All steps of one contact. */
  add(steps: readonly ForecastStep[]): void {
    const own = new Map<string, { sent: number; skipped: number; conditional: number }>()
    for (const { at, campaignId, sequenceId, stepId, result, conditional } of steps) {
      const span = this.#by === 'day' ? `${at.slice(0, 10)}T00:00:00.000Z` : `${at.slice(0, 13)}:00:00.000Z`
      const cell = JSON.stringify([span, campaignId, sequenceId, stepId])
      const count = own.get(cell) ?? { sent: 0, skipped: 0, conditional: 0 }
      own.set(cell, count)
      if (result === 'sent') count.sent += 1
      else count.skipped += 1
      if (conditional === true) count.conditional += 1
    }
    for (const [cell, { sent, skipped, conditional }] of own) {
      const [, ...before] = this.#counts.get(cell) ?? [cell, 0, 0, 0, 0]
      const after = [before[0] + sent, before[1] + sent * sent, before[2] + skipped, before[3] + conditional] as const
      this.#counts.set(cell, [cell, ...after])
    }
  }

  all(): readonly Count[] {
    return [...this.#counts.values()]
  }

  /** @param sample `null`: all were played */
  cells(sample: Sample | null): readonly ForecastCell[] {
    const scale = sample === null || sample.contacts === 0 ? 1 : sample.due / sample.contacts
    return this.all()
      .map(([cell, sent, squares, skipped, conditional]): ForecastCell => {
        return {
          ...(cellIn(cell) as CellName),
          sent: Math.round(scale * sent),
          skipped: Math.round(scale * skipped),
          conditional: Math.round(scale * conditional),
          error: sample === null ? 0 : errorOf(sent, squares, sample),
        }
      })
      .sort((a, b) => compareIds(a.from, b.from) || compareIds(nameOf(a), nameOf(b)))
  }
}

type CellName = Pick<ForecastCell, 'from' | 'campaignId' | 'sequenceId' | 'stepId'>

/** What a cell is called by; `null`: it is none. */
export function cellIn(cell: unknown): CellName | null {
  try {
    const parts: unknown = JSON.parse(String(cell))
    if (!Array.isArray(parts) || parts.length !== 4) return null
    const [from, campaignId, sequenceId, stepId]: readonly unknown[] = parts
    if (!isInstant(from) || !isLegalId(campaignId) || !isLegalId(sequenceId) || !isLegalId(stepId)) return null
    return { from, campaignId, sequenceId, stepId }
  } catch {
    return null
  }
}

const nameOf = ({ campaignId, sequenceId, stepId }: ForecastCell): string =>
  JSON.stringify([campaignId, sequenceId, stepId])

/** So many of the contacts that have something to come were played. */
interface Sample {
  readonly due: number
  readonly contacts: number
}

/**
 * Of what no contact of a sample has, fewer than so many have it, 95 times out of 100: three in as many as were played
 * (the rule of three), and never more than were not played.
 */
export function unseenOf({ due, contacts }: Sample): number {
  return contacts === 0 ? due : Math.min(Math.max(0, due - contacts), Math.ceil((3 * due) / contacts))
}

/**
 * Half of the interval that holds the true sum 95 times out of 100: of a mean of a part that was drawn by chance. Of what
 * next to none has, or next to all, a variance says too little: it is never less than what may be unseen.
 */
function errorOf(sum: number, squares: number, sample: Sample): number {
  const { due, contacts } = sample
  if (contacts < 2) return due
  const variance = (squares - (sum * sum) / contacts) / (contacts - 1)
  // More than were counted at first may be due by now.
  const share = Math.min(1, contacts / due)
  const error = Math.ceil(1.96 * due * Math.sqrt((Math.max(0, variance) / contacts) * (1 - share)))
  return Math.max(error, unseenOf(sample))
}
