// #region engine
import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createEngine, describeRejection, isEnfoldFault, isLeft, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'

// What you have already.
const sent: string[] = []
const mailer = { send: (to: string, template: string, _key: string) => void sent.push(`${template} to ${to}`) }
const people = new Map([['ada', { mail: 'ada@people.example', zone: 'Europe/Berlin', tags: ['customer'] }]])

const store = createSqliteStore({ path: 'campaigns.db' })

const engine = createEngine({
  store,
  // Your contacts stay where they are; this is asked at each decision, and nothing of it is kept.
  contacts: {
    get(contactId) {
      const person = people.get(contactId)
      return person === undefined ? null : { timeZone: person.zone, tags: person.tags }
    },
  },
  handlers: {
    async email({ contactId, step, idempotencyKey }) {
      const person = people.get(contactId)
      if (person === undefined) return { outcome: 'skipped', reason: 'no-address' }
      await mailer.send(person.mail, step.id, idempotencyKey)
      return { outcome: 'sent' }
    },
  },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)
// #endregion engine

// #region route
const server = createServer(async (request, response) => {
  try {
    const { contactId, form, id } = (await json(request)) as { contactId: string; form: string; id: string }
    const answer = await engine.signal({ contactId, kind: 'form-submitted', data: { form }, signalId: id })
    if (isLeft(answer)) return response.writeHead(409).end(describeRejection(answer.left))
    response.writeHead(200).end(JSON.stringify(answer.right.goals))
  } catch (error) {
    const status = isEnfoldFault(error) && error.code === 'INVALID_INPUT' ? 400 : 500
    response.writeHead(status).end(status === 400 ? (error as Error).message : '')
  }
})
// #endregion route

// #region run
const ending = new AbortController()
const running = engine.run({ signal: ending.signal })
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, shutDown)

async function shutDown() {
  server.close()
  ending.abort()
  await running // Handlers in flight finish, and their outcomes are recorded.
  await engine.close()
  await store.close()
}
// #endregion run

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
for (const body of [
  { contactId: 'ada', form: 'pool-guide', id: 'form-1' },
  { contactId: 'ada', form: 'pool-guide', id: 'form-1' },
  { contactId: 'eve', form: 'pool-guide', id: 'form-2' },
  { contactId: '', form: 'pool-guide', id: 'form-3' },
]) {
  const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: JSON.stringify(body) })
  console.log(response.status, await response.text())
}
while ((await engine.inspect.contact('ada')).enrollments[0]?.status === 'active')
  await new Promise((resolve) => setTimeout(resolve, 5))
server.closeAllConnections()
await shutDown()
console.log('mailed:', sent.join(', '))
