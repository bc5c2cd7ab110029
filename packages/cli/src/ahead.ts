/** Events that are dated after now: some clock was fast. They have happened all the same, so every answer counts them, and says so. */
import type { Instant } from '@enfold/core'
import { counted } from './text.ts'

/** How many of the events that an answer rests on are after now, and the latest of them. */
export interface Ahead {
  readonly events: number
  readonly latest: Instant | null
}

export const NOT_AHEAD: Ahead = { events: 0, latest: null }

export function withAhead({ events, latest }: Ahead, at: Instant): Ahead {
  return { events: events + 1, latest: latest === null || at > latest ? at : latest }
}

/** Of the events up to an instant. */
export function aheadIn(
  events: readonly { readonly at: Instant }[],
  now: Instant,
  until: Instant | null = null,
): Ahead {
  return events.reduce(
    (ahead, { at }) => (at > now && (until === null || at <= until) ? withAhead(ahead, at) : ahead),
    NOT_AHEAD,
  )
}

/** Of several parts of a log. */
export function aheadOf(parts: readonly Ahead[]): Ahead {
  const latest = parts.flatMap((part) => part.latest ?? []).sort()
  return { events: parts.reduce((sum, { events }) => sum + events, 0), latest: latest.at(-1) ?? null }
}

/** A sentence for the error output, where nothing that reads the answer line by line takes it for one; `null`: none is. */
export function aheadInWords({ events, latest }: Ahead): string | null {
  if (latest === null) return null
  return `${counted(events, 'event')} of these ${events === 1 ? 'is' : 'are'} dated after now, up to ${latest}: a clock was fast. What they say is counted as happened.`
}

/** What is put after an instant that is after now. */
export const markOf = (at: Instant, now: Instant): string => (at > now ? ' (after now)' : '')
