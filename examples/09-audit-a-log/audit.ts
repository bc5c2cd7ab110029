/** What an auditor does with a log file, no database at hand: seal, verify, explain, look back. */
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { contactStream, instantOf, isContactEvent, type RecordedContactEvent, type RecordedEvent } from 'enfold'
import { explain, type Log, readLog, sealOf, stateAt, verify, writeLog } from 'enfold/log'

/** The log as a file of JSON lines in CloudEvents form (AUDIT-1). */
export const exportTo = (path: string, log: Log) => pipeline(writeLog(log), createWriteStream(path))

export async function* eventsOf(path: string): AsyncGenerator<RecordedEvent> {
  for await (const { line, event, problem } of readLog(createReadStream(path))) {
    if (problem !== undefined) throw new Error(`${path}:${line}: ${problem.message}`)
    yield event
  }
}

/** To be kept, or signed, by somebody who cannot write the log. */
export const seal = (path: string) => sealOf(eventsOf(path), instantOf(Date.now()))

/** Whether the file can be true, and still is what was sealed: sentences, none if so (AUDIT-4). */
export async function faultsOf(path: string, sealed: Awaited<ReturnType<typeof seal>>): Promise<readonly string[]> {
  const verified = await verify(eventsOf(path), { seal: sealed })
  const faults = verified.faults.map(({ number, message }) => `event ${number}: ${message}`)
  const breach = verified.seal?.breach ?? null
  return breach === null ? faults : [...faults, `events ${breach.from} to ${breach.to}: ${breach.message}`]
}

/** Why a contact got a step: from the dispatch back to the person or signal that began it (AUDIT-3). */
export async function whyGot(path: string, contactId: string, stepId: string): Promise<readonly string[]> {
  const own: RecordedContactEvent[] = []
  for await (const event of eventsOf(path))
    if (isContactEvent(event) && event.stream === contactStream(contactId)) own.push(event)
  const dispatch = own.find((event) => event.type === 'StepDispatched' && event.data.stepId === stepId)
  return dispatch === undefined
    ? []
    : explain(own, dispatch.id).map(({ at, type, cause }) => `${at} ${type} by ${cause.by}`)
}

/** In which sequences a contact was, at any instant (AUDIT-2). */
export async function sequencesAt(path: string, contactId: string, at: string): Promise<readonly string[]> {
  const { enrollments } = await stateAt(eventsOf(path), contactId, at)
  return enrollments.filter(({ runs }) => runs.at(-1)?.status === 'active').map(({ sequenceId }) => sequenceId)
}
