import { createEngine } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })

// #region api
import { createMcpApi } from '@enfold/mcp'

const people = new Map([['Bearer w-secret', { id: 'wanda', may: 'write' as const }]])

const mcp = createMcpApi({
  engine,
  hosts: ['crm.example.com'],
  authorize: (request) => people.get(request.headers.get('authorization') ?? '') ?? null,
  orders: ['stopSequence'],
})
// #endregion api
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const headers = {
  host: 'crm.example.com',
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
}
const ask = (more: Readonly<Record<string, string>>) =>
  mcp(
    new Request('https://crm.example.com/mcp', {
      method: 'POST',
      body: JSON.stringify(list),
      headers: { ...headers, ...more },
    }),
  )

const [nobody, wanda] = [await ask({}), await ask({ authorization: 'Bearer w-secret' })]
console.log(nobody.status, wanda.status, (await wanda.text()).includes('stopSequence'))
