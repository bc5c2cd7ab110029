/** Questions about bulk actions: which there were, how far one is, what became of each contact; also as a file. */
import {
  ACTION_OUTCOMES,
  type ActionContact,
  type ActionDifference,
  type ActionId,
  type ActionOutcome,
  type ActionRecord,
  type ActionStore,
  type Clock,
  differencesFromPreview,
  EnfoldFault,
  epochMsOf,
  type Instant,
  NO_OUTCOMES,
} from '@enfold/core'
import * as input from '../input.ts'
import { resultHeader, resultLine } from './action-csv.ts'

/** Its `order` says nothing of the data of a signal: what campaigns keep of that is in the history of each contact. */
export interface ActionView extends Omit<ActionRecord, 'contactsDigest' | 'digestOfFirst' | 'inHand'> {
  /** By what it came out otherwise than its preview: that was stale. Empty while it is not done. */
  readonly differences: readonly ActionDifference[]
  /**
   * For how many milliseconds it has not moved; `null` when it is over. A group of contacts takes some seconds: after
   * minutes its process has died, and the action can be resumed.
   */
  readonly stillMs: number | null
}

export interface ActionQuestions {
  /** All actions, the newest first. `limit` 1 to 1,000, default 50; `next` is what to pass as `after`. */
  actions(query?: { readonly after?: ActionId | null; readonly limit?: number }): Promise<{
    readonly actions: readonly ActionView[]
    readonly next: ActionId | null
  }>
  /** One action as it stands; `null`: there is none. */
  action(actionId: ActionId): Promise<ActionView | null>
  /** Its contacts by their number, those not processed yet with outcome `null`; `outcome`: only those. */
  actionContacts(query: {
    readonly actionId: ActionId
    readonly outcome?: ActionOutcome
    /** The number after which to go on; 0 for the first page. */
    readonly after?: number
    /** 1 to 1,000. Default 50. */
    readonly limit?: number
  }): Promise<{ readonly contacts: readonly ActionContact[]; readonly next: number | null }>
  /**
   * What became of each contact as a CSV, piece by piece: `contactId,outcome,run,reason`; of a sequence with keys
   * `contactId,key,outcome,run,reason`, with a line for each run. What a spreadsheet would take for a formula has an
   * apostrophe before it; as a source of contacts the file is read without it.
   */
  actionCsv(actionId: ActionId): AsyncIterable<string>
}

/** An action as operators see it. */
export function viewOf(stored: ActionRecord, now: Instant): ActionView {
  const { contactsDigest: _, digestOfFirst: __, inHand: ___, ...kept } = stored
  // Records of an early release lack outcomes that came later.
  const record = { ...kept, ...shownOrder(kept), outcomes: { ...NO_OUTCOMES, ...kept.outcomes } }
  const isOver = record.state === 'done' || record.state === 'cancelled'
  const stillMs = isOver ? null : Math.max(0, epochMsOf(now) - epochMsOf(record.movedAt ?? record.orderedAt))
  return { ...record, differences: differencesFromPreview(record), stillMs }
}

/** Data of a signal may be private, and is kept with the action only to go on after a crash (SIGNAL-3). */
function shownOrder({ order }: Pick<ActionRecord, 'order'>): Pick<ActionRecord, 'order'> {
  if (order === undefined) return {}
  const { data: _, ...shown } = order
  return { order: shown }
}

const CSV_PAGE = 1000

/** @param hasKeys whether the sequence of an action has keys */
export function createActionQuestions(
  actionStore: ActionStore | null,
  clock: Clock,
  hasKeys: (of: Pick<ActionRecord, 'campaignId' | 'sequenceId'>) => boolean,
): ActionQuestions {
  async function actionContacts(query: Parameters<ActionQuestions['actionContacts']>[0]) {
    input.checkInput('inspect.actionContacts', query, {
      actionId: input.id,
      'outcome?': outcomeOf,
      'after?': input.wholeNumber(0, Number.MAX_SAFE_INTEGER),
      'limit?': input.pageSize,
    })
    const { actionId, outcome, after = 0, limit = 50 } = query
    // One more than the page, to see whether there is a next one.
    const found = (await actionStore?.actionContacts(actionId, after, limit + 1, outcome)) ?? []
    const contacts = found.slice(0, limit)
    return { contacts, next: found.length > limit ? (contacts.at(-1)?.number ?? null) : null }
  }

  return {
    async actions(query = {}) {
      input.checkInput('inspect.actions', query, { 'after?': input.idOrNull, 'limit?': input.pageSize })
      const { after = null, limit = 50 } = query
      const found = (await actionStore?.actions(after, limit + 1)) ?? []
      const actions = found.slice(0, limit)
      return {
        actions: actions.map((record) => viewOf(record, clock.now())),
        next: found.length > limit ? (actions.at(-1)?.actionId ?? null) : null,
      }
    },
    async action(actionId) {
      input.id('inspect.action', actionId)
      const record = (await actionStore?.action(actionId)) ?? null
      return record === null ? null : viewOf(record, clock.now())
    },
    actionContacts,
    async *actionCsv(actionId) {
      input.id('inspect.actionCsv', actionId)
      const record = (await actionStore?.action(actionId)) ?? null
      const isKeyed = record !== null && hasKeys(record)
      yield resultHeader(isKeyed)
      for (let after = 0; ; ) {
        const found = (await actionStore?.actionContacts(actionId, after, CSV_PAGE)) ?? []
        const lines = found.flatMap((contact) => linesOf(contact, isKeyed ? (record.key ?? '') : null))
        if (lines.length > 0) yield lines.join('')
        if (found.length < CSV_PAGE) return
        after = found.at(-1)?.number ?? after
      }
    },
  }
}

/** @param orderedKey of the action, '' for none; `null`: its sequence has no keys */
function linesOf({ contactId, key, outcome, run, reason, runs }: ActionContact, orderedKey: string | null): string[] {
  const whole = [contactId, outcome ?? 'pending', run, reason] as const
  if (orderedKey === null) return [resultLine(whole)]
  if (runs === undefined) return [resultLine(whole, key ?? orderedKey)]
  return runs.map((one) => resultLine([contactId, one.outcome, one.run, reason], one.key))
}

function outcomeOf(path: string, value: unknown): void {
  if (!ACTION_OUTCOMES.includes(value as ActionOutcome))
    throw EnfoldFault.invalidInput(path, value, ACTION_OUTCOMES.join(', '))
}
