/** What waits for a person: held, failed for good, not to be planned, done by no worker, parked. Only looks. */
import type { CampaignId } from '@enfold/core'
import type { AttentionEntry, AttentionKind, AttentionView } from '@enfold/engine'
import type { Answer } from './questions.ts'
import { counted, named, plain, sequenceName, table } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/** What no shell reads in another way. */
const PLAIN_WORD = /^[\w./:@-]+$/

export interface AttentionChoice {
  readonly kind?: AttentionKind
  /** Only of these. */
  readonly campaigns?: readonly CampaignId[]
  /** Where the page before ended. */
  readonly after?: string
  /** Of contacts. */
  readonly limit: number
}

export async function queryAttention(url: string, choice: AttentionChoice, options: OrderOptions): Promise<Answer> {
  return withEngine(url, 'read', options, async (engine) => {
    const view = await engine.inspect.attention(choice)
    return {
      json: view,
      text: (paint) =>
        view.total === 0 && view.entries.length === 0
          ? 'Nothing waits for you.'
          : [
              totalInWords(view),
              '',
              table(
                paint,
                ['since', 'what', 'contact', 'step', 'of', 'run', 'reason'],
                view.entries.map((one) => [
                  one.since ?? '',
                  one.kind,
                  one.contactId === null ? counted(one.contacts, 'contact') : named(one.contactId),
                  one.stepId === null ? '' : named(one.stepId),
                  placeOf(one),
                  one.run === null ? '' : String(one.run),
                  plain(one.reason ?? ''),
                ]),
              ),
              ...(view.next === null
                ? []
                : [`More: --after ${PLAIN_WORD.test(view.next) ? view.next : named(view.next)}`]),
            ].join('\n'),
    }
  })
}

function placeOf({ campaignId, sequenceId, key = '' }: AttentionEntry): string {
  return campaignId === null || sequenceId === null ? '' : sequenceName({ campaignId, sequenceId, key })
}

function totalInWords({ counts }: AttentionView): string {
  const parts = Object.entries(counts).flatMap(([kind, count]) =>
    count === 0 ? [] : [`${count.toLocaleString('en')} ${kind}`],
  )
  return `Waiting for you: ${parts.join(', ')}`
}
