import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeServer } from '@enfold/test-servers/eventstoredb'
import { orThrow } from 'enfold'
import { expect, it, onTestFinished } from 'vitest'
import { startCrm } from './app.ts'

it('INDEX-1: the log is on the server, the index in a file; without the file it is built again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-eventstoredb-'))
  const server = await startFakeServer()
  onTestFinished(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })
  const sent = Promise.withResolvers<string>()
  const crm = startCrm(server.url, join(folder, 'index.db'), ({ contactId, step }) => {
    sent.resolve(`${step.id} for ${contactId}`)
    return { outcome: 'sent' }
  })
  const sequence = { campaignId: 'c', sequenceId: 's' }
  const steps = [
    { id: 'hello', kind: 'email' },
    { id: 'later', kind: 'email', timer: { after: 'P1D' } },
  ]
  orThrow(await crm.engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps }] }))
  const { position } = orThrow(await crm.engine.startSequence({ contactId: 'ada', ...sequence, actor: 'olga' }))
  await crm.engine.waitFor(position, { timeoutMs: 30_000 })
  expect(await crm.engine.inspect.contactsInSequence(sequence)).toMatchObject({ contacts: ['ada'] })
  expect(await sent.promise).toBe('hello for ada')
  await crm.close()

  const again = startCrm(server.url, join(folder, 'another.db'), () => ({ outcome: 'sent' }))
  await again.engine.waitFor(position, { timeoutMs: 30_000 })
  expect(await again.engine.inspect.contactsInSequence(sequence)).toMatchObject({ contacts: ['ada'] })
  await again.close()
})
