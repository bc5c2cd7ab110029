import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { exportTo, faultsOf, seal, sequencesAt, whyGot } from './audit.ts'

const folder = mkdtempSync(join(tmpdir(), 'enfold-audit-'))
const path = join(folder, 'log.jsonl')
afterAll(() => rmSync(folder, { recursive: true }))

beforeAll(async () => {
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const store = createMemoryStore()
  const engine = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) } })
  orThrow(
    await engine.publish({
      id: 'pool',
      goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
      sequences: [
        {
          id: 'nurture',
          steps: [
            { id: 'one', kind: 'email' },
            { id: 'two', kind: 'email', timer: { after: 'P2D' } },
          ],
        },
      ],
    }),
  )
  orThrow(await engine.signal({ contactId: 'ada', kind: 'form-submitted', actor: 'web' }))
  await engine.runDue()
  clock.advance('P2D')
  await engine.runDue()
  await exportTo(path, store.readAll())
  await engine.close()
})

it('AUDIT-4: a log that is as it was has no faults', async () => {
  expect(await faultsOf(path, await seal(path))).toEqual([])
})

it('AUDIT-4: a change is found, with its place', async () => {
  const sealed = await seal(path)
  const changed = join(folder, 'changed.jsonl')
  writeFileSync(changed, readFileSync(path, 'utf8').replace('"actor":"web"', '"actor":"eve"'))
  const faults = await faultsOf(changed, sealed)
  expect(faults[0]).toMatch(/^event 2: /)
  expect(faults.at(-1)).toBe('events 2 to 2: is not the event that was sealed')
})

it('AUDIT-3: explain follows a step that went out to its root', async () => {
  expect(await whyGot(path, 'ada', 'two')).toEqual([
    '2026-03-04T09:00:00.000Z StepDispatched by step',
    '2026-03-02T09:00:00.000Z StepSent by step',
    '2026-03-02T09:00:00.000Z StepDispatched by step',
    '2026-03-02T09:00:00.000Z SequenceStarted by goal',
    '2026-03-02T09:00:00.000Z GoalSatisfied by signal',
  ])
  expect(await whyGot(path, 'ada', 'three')).toEqual([])
})

it('AUDIT-2: the log says for any instant which contacts were where', async () => {
  expect(await sequencesAt(path, 'ada', '2026-03-03T00:00:00.000Z')).toEqual(['nurture'])
  expect(await sequencesAt(path, 'ada', '2026-03-01T00:00:00.000Z')).toEqual([])
  expect(await sequencesAt(path, 'ada', '2026-03-05T00:00:00.000Z')).toEqual([])
})
