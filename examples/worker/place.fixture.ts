/** For the tests of this example: a store with the campaign in it, and everything that happens to workers around it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { createEngine, orThrow } from 'enfold'
import { expect, onTestFinished } from 'vitest'
import { openStore } from './open-store.ts'
import { type Evidence, judge, type Verdict } from './soak/judge.ts'
import { createLedger } from './soak/ledger.ts'
import type { Acceptance } from './soak/mail-server.ts'
import { openDesk } from './soak/orders.ts'
import { launch, type Process } from './soak/process.ts'
import { atRest, heldSteps, letters, workerSettings } from './soak/soak.ts'

/** For those who die. */
export const SHORT = { leaseMs: 1500, handlerTimeoutMs: 500 }
/** For those who live: no handler is cut off, however slow the machine. */
export const LONG = { leaseMs: 120_000, handlerTimeoutMs: 60_000 }

/**
 * A store with the campaign in it, a mail server, a desk, and processes that do not outlive the test.
 *
 * @param url of an empty database; default: a file of its own
 */
export async function givenPlace(onUnknown: 'retry' | 'hold' = 'retry', slownessMs = 60, url?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-worker-'))
  const database = url ?? join(folder, 'campaigns.db')
  const mailFile = join(folder, 'mails.jsonl')
  const store = openStore(database)
  const engine = createEngine({ store, handlers: {} })
  orThrow(await engine.publish(letters(onUnknown)))
  const ledger = createLedger(store)
  const begun: Process[] = []
  const begin = (file: string, args: readonly string[]) => {
    const process = launch(file, args)
    begun.push(process)
    return process
  }
  const port = await begin('soak/mail-server.ts', ['--record', mailFile, '--slowness-ms', `${slownessMs}`]).printed('')
  const desk = openDesk(database)
  onTestFinished(async () => {
    await desk.close()
    for (const process of begun) process.signal('SIGKILL')
    await Promise.all(begun.map((process) => process.ended))
    await engine.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })
  const on = (n: number) => ({
    contactId: `person-${n}`,
    campaignId: 'letters',
    sequenceId: 'letters',
    actor: 'olga',
  })
  const mails = () => (existsSync(mailFile) ? readFileSync(mailFile, 'utf8').split('\n').slice(0, -1) : [])
  return {
    ledger,
    desk,
    mails: () => mails().map((line): Acceptance => JSON.parse(line)),
    worker: (times: typeof LONG, shutdownMs = 60_000) =>
      begin('worker.ts', [...workerSettings(database, port, times), '--shutdown-ms', String(shutdownMs)]),
    faltering: (moment: string, signal: NodeJS.Signals | 'never') =>
      begin('soak/faltering-worker.ts', [database, mailFile, moment, signal]),
    start: (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          desk.order({ verb: 'startSequence', order: { ...on(from + i), commandId: `start-${from + i}` } }),
        ),
      ),
    pause: async () => orThrow(await engine.pauseCampaign('letters', { actor: 'olga' })),
    resume: async () => orThrow(await engine.resumeCampaign('letters', { actor: 'olga', overdue: 'send' })),
    stop: (n: number) => desk.order({ verb: 'stopSequence', order: { ...on(n), commandId: `stop-${n}` } }),
    /** Until the log says so. */
    async until(condition: () => boolean) {
      for (;;) {
        await ledger.catchUp()
        if (condition()) return
        await sleep(5)
      }
    },
    /** Stops it between two transactions: a worker that stops within one keeps the file locked for all. */
    async freeze(process: Process) {
      const connection = new DatabaseSync(database, { timeout: 100 })
      for (let locked = true; locked; ) {
        process.signal('SIGSTOP')
        await sleep(20)
        try {
          connection.exec('BEGIN IMMEDIATE; ROLLBACK')
          locked = false
        } catch {
          process.signal('SIGCONT')
          await sleep(1)
        }
      }
      connection.close()
    },
    /** What is in flight now has lost its worker. */
    async abandoned() {
      await ledger.catchUp()
      const inFlight = ledger.inFlight()
      for (const attempt of inFlight) attempt.killed = true
      return inFlight
    },
    /** Whether the mail of each attempt at the contact was begun: the server records the contact. */
    hasBegun(contactId: string): boolean {
      const begun = readFileSync(`${mailFile}.begun`, 'utf8')
        .split('\n')
        .filter((one) => one === contactId)
      const attempts = [...ledger.sendings.values()].flat().filter((attempt) => attempt.contactId === contactId)
      return begun.length === attempts.length
    },
    async verdict(more: Partial<Evidence> = {}): Promise<Verdict> {
      await ledger.catchUp()
      const index = await engine.verifyIndex()
      const found = mails().map((line): Acceptance => JSON.parse(line))
      const evidence = { onUnknown, killsFollowed: false, ledger, given: desk.given, mails: found, endings: [], index }
      return judge({ ...evidence, ...more })
    },
  }
}

export const keysOf = (mails: readonly Acceptance[]) => new Set(mails.map(({ key }) => key))

/** What is left of one contact's letters once a worker that was killed at a moment has been followed by another. */
export async function expectAfterDeath(
  moment: 'dispatched' | 'handled',
  onUnknown: 'retry' | 'hold',
  expected: { readonly mails: number; readonly repeats: number; readonly held: number },
): Promise<void> {
  const place = await givenPlace(onUnknown)
  await place.start(0, 1)
  const ending = await place.faltering(moment, 'SIGKILL').ended
  await place.abandoned()

  place.faltering('never', 'never')
  await atRest(place.ledger)

  expect(ending).toBe('SIGKILL')
  const mails = place.mails()
  expect(mails).toHaveLength(expected.mails)
  expect(mails.length - keysOf(mails).size).toBe(expected.repeats)
  expect(heldSteps(place.ledger)).toHaveLength(expected.held)
}
