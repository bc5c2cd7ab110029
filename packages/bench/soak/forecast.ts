/**
 * `pnpm soak:forecast [--contacts 100000] [--sample 2000] [--file PATH]`: enrols so many contacts in a SQLite file, in one
 * sequence of five mails a day apart, and times a forecast of all of them and of a sample, for a day and for fourteen
 * (FORECAST-2). Prints time, processor time and memory of each, and how many numbers of the sample are as near as it says.
 * A file that is named is kept, and enrols nobody again the next time.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { instantOf, orThrow } from '@enfold/core'
import { createEngine, type Engine, type ForecastCell, type ForecastTotals } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'

const NOW = Date.UTC(2026, 2, 2, 9)
const DAY_MS = 86_400_000
const steps = [1, 2, 3, 4, 5].map((n) => ({
  id: `mail-${n}`,
  kind: 'email',
  ...(n === 1 ? {} : { timer: { after: 'P1D' } }),
}))
const campaign = { id: 'pool', goals: [], sequences: [{ id: 'nurture', steps }] }

function* ids(contacts: number): Generator<string> {
  for (let n = 0; n < contacts; n++) yield `contact-${n}`
}

async function enrol(engine: Engine, contacts: number): Promise<void> {
  orThrow(await engine.publish(campaign))
  await engine.processAction({
    ...{ actionId: `enrol-${contacts}`, action: 'start', campaignId: 'pool', sequenceId: 'nurture', actor: 'soak' },
    contacts: { ids: ids(contacts) },
  })
}

/** A sample is right about a step if it is as near as it says, and about one that it does not know if it bounds it. */
function isNear(sample: ForecastTotals, { from, stepId, sent }: ForecastCell): boolean {
  const same = sample.cells.find((cell) => cell.from === from && cell.stepId === stepId)
  return same === undefined ? sent <= sample.unseen : Math.abs(same.sent - sent) <= same.error
}

async function measured(engine: Engine, days: number, sample?: number) {
  const [beganAt, before] = [performance.now(), process.cpuUsage()]
  const totals = await engine.inspect.forecast({
    until: instantOf(NOW + days * DAY_MS),
    by: 'day',
    ...(sample === undefined ? {} : { sample }),
  })
  const { user, system } = process.cpuUsage(before)
  const seconds = (ms: number) => Math.round(ms / 10) / 100
  return {
    totals,
    figures: {
      days,
      due: totals.due,
      played: totals.contacts,
      seconds: seconds(performance.now() - beganAt),
      processorSeconds: seconds((user + system) / 1000),
      memoryMb: Math.round(process.memoryUsage().rss / 1_000_000),
    },
  }
}

async function soak(file: string, contacts: number, sample: number): Promise<void> {
  const store = createSqliteStore({ path: file })
  const engine = createEngine({ store, clock: createSimulatedClock(instantOf(NOW)), handlers: {} })
  await enrol(engine, contacts)
  for (const days of [1, 14]) {
    const part = await measured(engine, days, sample)
    const whole = await measured(engine, days)
    if (whole.totals.contacts !== contacts) throw new Error(`${whole.totals.contacts} of ${contacts} were played.`)
    const sent = whole.totals.cells.reduce((sum, cell) => sum + cell.sent, 0)
    if (sent !== contacts * Math.min(days + 1, steps.length)) throw new Error(`FORECAST-2: ${sent} would be sent.`)
    const near = whole.totals.cells.filter((cell) => isNear(part.totals, cell)).length
    const told = { sample: part.figures, whole: whole.figures, near: `${near} of ${whole.totals.cells.length}` }
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`)
  }
  await engine.close()
  await store.close()
}

const { values } = parseArgs({
  options: {
    contacts: { type: 'string', default: '100000' },
    sample: { type: 'string', default: '2000' },
    file: { type: 'string' },
  },
})
const [contacts, sample] = [Number(values.contacts), Number(values.sample)]
if (![contacts, sample].every((count) => Number.isInteger(count) && count > 0)) {
  process.stdout.write('--contacts and --sample are whole numbers from 1\n')
  process.exitCode = 2
} else {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-forecast-'))
  try {
    await soak(values.file ?? join(folder, 'campaigns.db'), contacts, sample)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
