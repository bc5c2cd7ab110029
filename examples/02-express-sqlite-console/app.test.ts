import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { orThrow } from 'enfold'
import { expect, it, onTestFinished } from 'vitest'
import { createCrm } from './app.ts'

async function given() {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-express-'))
  const mailed = Promise.withResolvers<string>()
  const crm = await createCrm({
    database: join(folder, 'crm.db'),
    email({ contactId, step }) {
      mailed.resolve(`${step.id} for ${contactId}`)
      return { outcome: 'sent' }
    },
    authorize: (request) =>
      request.headers.get('authorization') === 'Bearer secret' ? { id: 'olga', may: 'write' } : null,
  })
  const server = createServer(crm.app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await crm.close()
    rmSync(folder, { recursive: true })
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const json = { 'content-type': 'application/json' }
  return {
    mailed: mailed.promise,
    crm,
    signUp: (id: unknown) => fetch(`${origin}/signup`, { method: 'POST', headers: json, body: JSON.stringify({ id }) }),
    page: (path: string, headers: Record<string, string>) => fetch(`${origin}/staff/campaigns${path}`, { headers }),
    contact: (headers: Record<string, string>) => fetch(`${origin}/enfold/api/contacts/ada`, { headers }),
  }
}

it("GOAL-12: a contact that signs up at the host's own route gets the first mail at once", async () => {
  const { mailed, signUp } = await given()
  expect((await signUp('ada')).status).toBe(201)
  expect(await mailed).toBe('hello for ada')
})

it('GOAL-10: signing up twice has the effect of one; the API shows it to an authorized caller', async () => {
  const { mailed, signUp, contact } = await given()
  const [first, second] = [await signUp('ada'), await signUp('ada')]
  expect(await second.json()).toEqual(await first.json())
  await mailed
  expect((await contact({})).status).toBe(401)
  const seen = await contact({ authorization: 'Bearer secret' })
  expect(await seen.json()).toMatchObject({ enrollments: [{ campaignId: 'welcome', sequenceId: 'letters', run: 1 }] })
})

it('ERASE-1: an erased contact cannot sign up, and the response says why', async () => {
  const { signUp, crm } = await given()
  orThrow(await crm.engine.erase({ contactId: 'ada', actor: 'olga' }))
  const refused = await signUp('ada')
  expect(refused.status).toBe(409)
  expect(await refused.json()).toEqual({ error: 'The contact "ada" was erased.' })
})

it('signing up without an id is refused, and starts nobody', async () => {
  const { signUp, crm } = await given()
  for (const id of [undefined, null, 42, '', {}]) expect((await signUp(id)).status).toBe(400)
  expect(await crm.engine.inspect.contactsInSequence({ campaignId: 'welcome', sequenceId: 'letters' })).toMatchObject({
    total: 0,
  })
})

it('LOG-6: the console is for staff, and shows a contact whatever the name', async () => {
  const { mailed, signUp, page } = await given()
  await signUp('<b>ada</b>')
  await mailed
  expect((await page('/', {})).status).toBe(401)
  const seen = await page(`/contacts/${encodeURIComponent('<b>ada</b>')}`, { authorization: 'Bearer secret' })
  expect(seen.status).toBe(200)
  const html = await seen.text()
  expect(html).toContain('letters')
  expect(html).toContain('&lt;b&gt;ada')
  expect(html).not.toContain('<b>ada')
})
