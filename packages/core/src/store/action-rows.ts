/** Contacts of actions as rows of a table: what is only there where there are keys (KEY-2). */
import type { ActionContact, KeyedResult } from '../action.ts'
import type { ActionOutcome } from '../verbs/index.ts'

/** A row, with `key` '' and `runs` `null` where there are none. */
export interface ActionContactRow extends Omit<ActionContact, 'key' | 'runs'> {
  readonly key: string
  readonly runs: string | null
}

/** The text that a row keeps of the runs of a result, without U+0000; `null`: there are none. */
export function runsText(runs: readonly KeyedResult[] | undefined): string | null {
  // JSON escapes what no text of a database holds.
  return runs === undefined ? null : JSON.stringify(runs.map(({ key, run, outcome }) => [key, run, outcome]))
}

export function actionContactOf({ key, runs, number, contactId, ...row }: ActionContactRow): ActionContact {
  const { outcome, run, reason } = row
  return {
    number,
    contactId,
    ...(key === '' ? {} : { key }),
    outcome,
    run,
    reason,
    ...(runs === null ? {} : { runs: runsOf(runs) }),
  }
}

function runsOf(text: string): readonly KeyedResult[] {
  const all = JSON.parse(text) as readonly (readonly [string, number, ActionOutcome])[]
  return all.map(([key, run, outcome]) => ({ key, run, outcome }))
}
