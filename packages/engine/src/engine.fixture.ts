/** For the tests of this package: a campaign, a place for files, and what reads answers. No store: tests hand theirs in. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ContactEventType,
  campaign,
  type Either,
  isLeft,
  orThrow,
  type RecordedContactEvent,
  type Rejection,
  type StepCall,
  type StepHandler,
  type StepOutcome,
} from '@enfold/core'
import { afterAll } from 'vitest'
import type { Engine } from './engine.ts'

/** Monday, so that weekday timers have a week before them. */
export const MONDAY = '2026-03-02T09:00:00.000Z'

/** An entry point, a goal for members that forks, an exit; a sequence that waits at its end, and two that do not. */
export const pool = campaign({
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'guide' } }, next: ['nurture'] },
    {
      id: 'bought',
      when: { kind: 'purchased' },
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
    { id: 'leave', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } } },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
        { id: 'three', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['bought', 'leave'],
    },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email' }] },
    { id: 'vip', steps: [{ id: 'call', kind: 'task', timer: { after: 'PT1H' } }], next: ['leave'] },
  ],
})

/** An order on Ann's enrollment in the sequence. */
export function onAnn(sequenceId: string, more: { readonly commandId?: string; readonly reason?: string } = {}) {
  return { contactId: 'ann', campaignId: 'pool', sequenceId, actor: 'olga', ...more }
}

/** A directory that is removed after the tests of the file: ask for it outside of them. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'enfold-engine-'))
  // The end of the process is too late: workers of the test runner are told to go, and hear no exit.
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The answer; a rejection is a failed test. */
export async function answerOf<Answer>(given: Promise<Either<Rejection, Answer>>): Promise<Answer> {
  return orThrow(await given)
}

/** The rejection; an answer is a failed test. */
export async function rejectionOf(given: Promise<Either<Rejection, unknown>>): Promise<Rejection> {
  const either = await given
  if (isLeft(either)) return either.left
  throw new Error(`Not rejected: ${JSON.stringify(either.right)}`)
}

export interface Recorder {
  readonly calls: StepCall[]
  readonly handler: StepHandler
}

/** A handler that remembers its calls, and returns `sent` or what it is told. */
export function createRecorder(answer: (call: StepCall) => StepOutcome | Promise<StepOutcome> = sent): Recorder {
  const calls: StepCall[] = []
  return {
    calls,
    handler(call) {
      calls.push(call)
      return answer(call)
    },
  }
}

function sent(): StepOutcome {
  return { outcome: 'sent' }
}

/** The types of a contact's events, in order: a history at a glance. */
export async function typesOf(engine: Engine, contactId = 'ann'): Promise<ContactEventType[]> {
  return (await engine.inspect.history(contactId)).map((event) => event.type)
}

export async function eventsOf<Type extends ContactEventType>(
  engine: Engine,
  type: Type,
  contactId = 'ann',
): Promise<Extract<RecordedContactEvent, { type: Type }>[]> {
  const history = await engine.inspect.history(contactId)
  return history.filter((event): event is Extract<RecordedContactEvent, { type: Type }> => event.type === type)
}

/** Resolves as soon as the condition holds; looks again after every turn of the event loop. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** A promise with its handle: what a test holds back until it lets go. */
export function createGate(): { readonly passed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { passed: promise, open: resolve }
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32, Tommy Ettinger, 2017, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
