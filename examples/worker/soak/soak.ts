/**
 * Kills workers again and again while they mail, and the database server with them, and reports the result. Real
 * processes, a real SQLite file or PostgreSQL server, a real SMTP server, real time. Drawn from the seed: which worker is
 * killed, after how many mails and milliseconds, when contacts are stopped, and how long the database is away.
 */
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '@enfold/test-servers/postgres'
import { campaign, createEngine, idempotencyKeyOf, isEnfoldFault, orThrow } from 'enfold'
import { newestRun } from 'enfold/core'
import { writeLog } from 'enfold/log'
import { openStore } from '../open-store.ts'
import { type Figures, judge, nameOfAttempt } from './judge.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { Acceptance } from './mail-server.ts'
import { openDesk } from './orders.ts'
import { launch, type Process } from './process.ts'

export interface SoakOptions {
  readonly kills: number
  /** Two for each contact. A tenth more contacts are stopped on their way. */
  readonly steps: number
  readonly seed: number
  readonly onUnknown: 'retry' | 'hold'
  readonly workers: number
  readonly leaseMs: number
  readonly handlerTimeoutMs: number
  /** An empty PostgreSQL server, and how often it is killed. Default: a SQLite file. */
  readonly server?: Pick<PostgresServer, 'url' | 'kill' | 'start'> & { readonly kills: number }
  /** Told now and then how far it is. */
  readonly progress?: (line: string) => void
}

/** How long at most the mail server takes before, and again after, it writes a mail down. */
const SLOWNESS_MS = 60

/** @throws Error that names the first case, if anything was lost, repeated without need, or begun after a stop */
export async function soak(options: SoakOptions): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-soak-'))
  const processes: Process[] = []
  try {
    const figures = await soakIn(folder, options, processes)
    rmSync(folder, { recursive: true })
    return figures
  } catch (error) {
    writeFileSync(join(folder, 'processes.txt'), processes.map(({ lines }) => lines.join('\n')).join('\n\n'))
    throw new Error(`The log, the mail server's record and what all processes said are kept in ${folder}`, {
      cause: error,
    })
  } finally {
    for (const process of processes) process.signal('SIGKILL')
  }
}

async function soakIn(folder: string, options: SoakOptions, processes: Process[]): Promise<Figures> {
  const begin: typeof launch = (...how) => {
    const process = launch(...how)
    processes.push(process)
    return process
  }
  const { server } = options
  const database = server?.url ?? join(folder, 'campaigns.db')
  const mailFile = join(folder, 'mails.jsonl')
  const random = createRandom(options.seed)
  const startedAt = performance.now()

  const store = openStore(database)
  const engine = createEngine({ store, handlers: {} })
  const ledger = createLedger(store)
  orThrow(await engine.publish(letters(options.onUnknown)))
  const mailServer = begin('soak/mail-server.ts', ['--record', mailFile, '--slowness-ms', String(SLOWNESS_MS)])
  const port = await mailServer.printed('')
  const startWorker = () => begin('worker.ts', workerSettings(database, port, options))
  const workers = Array.from({ length: options.workers }, startWorker)
  const desk = openDesk(database, begin)

  const contacts = Math.ceil(options.steps / 2) + Math.floor(options.steps / 20)
  const errands: Promise<void>[] = []
  function startContactsUpTo(count: number): void {
    for (let next = errands.length; next < count; next++) {
      const on = { contactId: `person-${next}`, campaignId: 'letters', sequenceId: 'letters', actor: 'olga' }
      const started = desk.order({ verb: 'startSequence', order: { ...on, commandId: `start-${next}` } })
      // Every eleventh is stopped at some moment: before its first mail, between, in the middle of one, or too late.
      const stopAfterMs = random() * 2000
      const stop = async () => {
        await started
        await sleep(stopAfterMs)
        await desk.order({ verb: 'stopSequence', order: { ...on, commandId: `stop-${next}` } })
      }
      errands.push(next % 11 === 10 ? stop() : started)
    }
  }

  /** Of what is in flight now nobody may ever know. */
  async function abandon(as: 'killed' | 'frozen' = 'killed'): Promise<boolean> {
    await whenThere(() => ledger.catchUp())
    const inFlight = ledger.inFlight()
    for (const attempt of inFlight) attempt[as] = true
    return inFlight.length > 0
  }

  const pauses: Pause[] = []
  const order = (what: string) => ({ actor: 'olga', commandId: `${what}-${pauses.length}` })
  async function pause(): Promise<void> {
    const paused = await whenThere(async () => orThrow(await engine.pauseCampaign('letters', order('pause'))))
    let answeredAt = paused.position
    for await (const { position } of store.readAll(paused.position)) answeredAt = position
    pauses.push({ answeredAt, resumedAt: Number.POSITIVE_INFINITY })
  }
  async function resume(): Promise<void> {
    const how = { ...order('resume'), overdue: 'send' } as const
    const resumed = await whenThere(async () => orThrow(await engine.resumeCampaign('letters', how)))
    const last = pauses.at(-1)
    if (last !== undefined) last.resumedAt = resumed.position
  }

  /**
   * A worker stands still somewhere between a claim and an outcome while the campaign is paused, and wakes before its lease
   * is over or after. What it held of the database may make the pause wait: then it wakes before the answer.
   */
  async function freeze(worker: Process): Promise<void> {
    await Promise.race([mailServer.printedMore(1 + Math.round(random() * 5)), sleep(2 * options.leaseMs)])
    await sleep(random() * SLOWNESS_MS)
    worker.signal('SIGSTOP')
    freezes += 1
    const paused = pause()
    const isAnswered = await Promise.race([paused.then(() => true), sleep(options.leaseMs, false)])
    if (isAnswered) {
      pausesWhileFrozen += 1
      if (await abandon('frozen')) freezesAtWork += 1
      await sleep(random() * 2 * options.leaseMs)
    }
    worker.signal('SIGCONT')
    await paused
    await abandon('frozen')
    await sleep(random() * 500)
    await resume()
  }

  let [killsAtWork, serverKills, serverKillsAtWork] = [0, 0, 0]
  let [freezes, freezesAtWork, pausesWhileFrozen] = [0, 0, 0]
  for (let kill = 1; kill <= options.kills; kill++) {
    startContactsUpTo(Math.ceil((contacts * kill) / options.kills))
    const victim = Math.floor(random() * workers.length)
    const whileStarting = random() < 0.05
    const moreMails = Math.round((random() * 2 * options.steps) / options.kills)
    const delayMs = random() * 2 * SLOWNESS_MS
    const worker = workers[victim] as Process
    // By mails and not by time alone, so that a slow machine is not killed before it has done anything. Unless a worker
    // has nothing to do: then it dies of boredom.
    if (!whileStarting) await Promise.race([mailServer.printedMore(moreMails), sleep(2 * options.leaseMs)])
    await sleep(delayMs)
    // Every fifth worker dies in a pause that was answered while it was at work.
    if (kill % 5 === 0) await pause()
    worker.signal('SIGKILL')
    await worker.ended
    if (await abandon()) killsAtWork += 1
    workers[victim] = startWorker()
    if (kill % 5 === 0) {
      // The next one looks around, and finds all that is due held.
      await Promise.race([(workers[victim] as Process).printed('working'), sleep(2 * options.leaseMs)])
      await sleep(random() * 500)
      await resume()
    }
    if (kill % 5 === 2) await freeze(workers[Math.floor(random() * workers.length)] as Process)
    if (server !== undefined && Math.floor((kill * server.kills) / options.kills) > serverKills) {
      await Promise.race([mailServer.printedMore(5), sleep(options.leaseMs)])
      await server.kill()
      await sleep(random() * 1000)
      await server.start()
      serverKills += 1
      if (await abandon()) serverKillsAtWork += 1
    }
    if (kill % 10 !== 0) continue
    await desk.crash()
    options.progress?.(`${kill} kills, ${errands.length} of ${contacts} contacts, ${ledger.sendings.size} sendings`)
  }
  await Promise.all(errands)
  await atRest(ledger)

  // What is held stands until the operator has it sent again. A resend may meet a time-out, and be ordered once more.
  for (let round = 1; heldSteps(ledger).length > 0 && round <= 5; round++) {
    const orders = heldSteps(ledger).map(({ contactId, stepId }) => {
      const on = { contactId, campaignId: 'letters', sequenceId: 'letters', stepId, actor: 'olga' }
      return desk.order({ verb: 'resendStep', order: { ...on, commandId: `resend-${round}-${contactId}-${stepId}` } })
    })
    await Promise.all(orders)
    await atRest(ledger)
  }

  holdPauses(pauses, ledger)
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.all(workers.map((worker) => worker.printed('working')))
  for (const worker of workers) worker.signal('SIGTERM')
  const endings = await Promise.all(workers.map((worker) => worker.ended))
  await desk.close()
  mailServer.signal('SIGTERM')
  await ledger.catchUp()
  // The server goes, and the log is evidence.
  if (server !== undefined) await pipeline(writeLog(store.readAll()), createWriteStream(join(folder, 'log.jsonl')))
  const mails = readFileSync(mailFile, 'utf8').trimEnd().split('\n')
  const figures = judge({
    onUnknown: options.onUnknown,
    killsFollowed: options.workers === 1,
    ledger,
    given: desk.given,
    mails: mails.map((line): Acceptance => JSON.parse(line)),
    endings,
    leaseLost: new Set(processes.flatMap(({ lines }) => lines.flatMap(leftBehind))),
    index: await engine.verifyIndex(),
  })
  await engine.close()
  await store.close()
  return {
    ...figures,
    kills: options.kills,
    killsAtWork,
    serverKills,
    serverKillsAtWork,
    pauses: pauses.length,
    freezes,
    freezesAtWork,
    pausesWhileFrozen,
    seconds,
    stepsPerSecond: figures.sendings / seconds,
  }
}

/** A pause of the campaign: where the log stood when it was answered, and at its resume. */
interface Pause {
  readonly answeredAt: number
  resumedAt: number
}

/** Nothing began between the answer of a pause and the resume (GATE-2). */
function holdPauses(pauses: readonly Pause[], { sendings }: Ledger): void {
  for (const attempt of [...sendings.values()].flat())
    for (const { answeredAt, resumedAt } of pauses)
      if (attempt.position > answeredAt && attempt.position < resumedAt)
        throw new Error(`GATE-2: a dispatch after the answer of a pause: ${JSON.stringify({ attempt, answeredAt })}`)
}

/** Again and again until the store responds. */
async function whenThere<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++)
    try {
      return await ask()
    } catch (error) {
      if (attempt === 100 || !isEnfoldFault(error) || !error.code.startsWith('STORE_')) throw error
      await sleep(50)
    }
}

const LEFT =
  /type: 'lease-lost', contactId: '(?<contactId>.+)', attempt: \{ campaignId: '(?<campaignId>.+)', sequenceId: '(?<sequenceId>.+)', run: (?<run>\d+), stepId: '(?<stepId>.+)', resend: (?<resend>\d+), attempt: (?<attempt>\d+) \}/

/** The attempt that a worker says in this line it left to others; none, if it says something else. */
export function leftBehind(line: string): readonly string[] {
  const found = LEFT.exec(line)?.groups as Record<string, string> | undefined
  if (found === undefined) return []
  const { contactId = '', campaignId = '', sequenceId = '', stepId = '', ...numbers } = found
  const [run, resend, attempt] = [Number(numbers.run), Number(numbers.resend), Number(numbers.attempt)]
  return [nameOfAttempt({ key: idempotencyKeyOf({ contactId, campaignId, sequenceId, run, stepId, resend }), attempt })]
}

export function letters(onUnknown: 'retry' | 'hold') {
  const step = { kind: 'email', onUnknown, maxAttempts: 50 } as const
  return campaign({
    id: 'letters',
    goals: [],
    sequences: [
      {
        id: 'letters',
        steps: [
          { id: 'first', ...step },
          { id: 'second', ...step, timer: { after: 'PT1S' } },
        ],
      },
    ],
  })
}

/** Everything short, so that hours pass in minutes. */
export function workerSettings(
  database: string,
  port: string,
  { leaseMs, handlerTimeoutMs }: Pick<SoakOptions, 'leaseMs' | 'handlerTimeoutMs'>,
): string[] {
  const settings = {
    ...{ database, 'smtp-host': '127.0.0.1', 'smtp-port': port, connections: '8' },
    ...{ 'lease-ms': String(leaseMs), 'handler-timeout-ms': String(handlerTimeoutMs) },
    ...{ 'poll-ms': '100', 'back-off-ms': '200' },
  }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
}

/** Resolves when nothing is in flight and every run is over or held. */
export async function atRest(ledger: Ledger): Promise<void> {
  for (let stillSince = performance.now(), events = -1; ; ) {
    await ledger.catchUp()
    const restless = [...ledger.contacts].filter(([, { enrollments }]) =>
      enrollments.some(({ runs }) =>
        runs.some(
          ({ status, steps }) =>
            (status === 'active' && !steps.some((step) => step.status === 'held')) ||
            steps.some(({ resends }) => resends.some((resend) => PENDING.has(resend.status))),
        ),
      ),
    )
    if (restless.length === 0 && ledger.inFlight().length === 0) return
    const now = [...ledger.contacts.values()].reduce((sum, { version }) => sum + version, 0)
    if (now !== events) stillSince = performance.now()
    events = now
    if (performance.now() - stillSince > 30_000)
      throw new Error(`Nothing has happened for 30 s, but there is work left, such as ${JSON.stringify(restless[0])}`)
    await sleep(100)
  }
}

const PENDING: ReadonlySet<string> = new Set(['requested', 'dispatched', 'retrying'])

export function heldSteps({ contacts }: Ledger): { readonly contactId: string; readonly stepId: string }[] {
  return [...contacts].flatMap(([contactId, { enrollments }]) => {
    const run = newestRun(enrollments[0])
    const held = run?.status === 'active' ? run.steps.find((step) => step.status === 'held') : undefined
    return held === undefined ? [] : [{ contactId, stepId: held.stepId }]
  })
}

/** From 0 to 1, the same for the same seed: mulberry32 by Tommy Ettinger, which is in the public domain. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
