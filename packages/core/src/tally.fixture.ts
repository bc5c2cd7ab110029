/** The forger at work: each forgery on many logs, and whether `verify` named its line. */
import type { RecordedEvent } from '@enfold/core'
import { verify } from '@enfold/core/log'
import { FORGERIES, type Pick } from './forger.fixture.ts'

/** What became of one forgery over all logs. */
export interface Tally {
  readonly name: string
  /** Logs that had a place for it. */
  readonly made: number
  /** Those in which the first fault was its line. */
  readonly named: number
  /** What was said instead, of the first that was not named. */
  readonly missed: string | null
  /** The rules that it was found to break. */
  readonly rules: readonly string[]
}

/** @param pick places in a log, for one forgery on one log */
export async function tallyOf(
  logs: readonly (readonly RecordedEvent[])[],
  pick: (log: number, forgery: number) => Pick,
): Promise<readonly Tally[]> {
  const tallies: Tally[] = []
  for (const [forgery, { name, forge }] of FORGERIES.entries()) {
    let [made, named] = [0, 0]
    let missed: string | null = null
    const rules = new Set<string>()
    for (const [log, events] of logs.entries()) {
      const forged = forge(events, pick(log, forgery))
      if (forged === null) continue
      made += 1
      const [fault] = (await verify(forged.log)).faults
      if (fault?.number === forged.line) {
        named += 1
        rules.add(fault.rule)
      } else
        missed ??= `log ${log}, line ${forged.line}: ${fault === undefined ? 'nothing' : `line ${fault.number}, ${fault.rule}: ${fault.message}`}`
    }
    tallies.push({ name, made, named, missed, rules: [...rules].sort() })
  }
  return tallies
}

/** Picks that come again: the same place for the same numbers. */
export function pickBy(seed: number): Pick {
  let state = seed >>> 0
  return (list) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return list[state % Math.max(1, list.length)]
  }
}
