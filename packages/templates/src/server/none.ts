/** A server of node:http: a route of your own, and Enfold's console and API. The worker runs in the same process. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { signedUp } from '../enfold/enroll.ts'
import { takenByEnfold } from '../enfold/mount-node.ts'
import '../enfold/worker.ts'

async function answer(request: IncomingMessage, response: ServerResponse) {
  const [, contactId] = /^\/sign-up\/([\w-]+)$/.exec(request.url ?? '') ?? []
  if (request.method !== 'POST' || contactId === undefined) return response.writeHead(404).end()
  const answer = await signedUp(contactId)
  return response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}

const server = createServer((request, response) => {
  if (takenByEnfold(request, response)) return
  answer(request, response).catch((error) => {
    console.error(error)
    response.writeHead(500).end()
  })
})

const port = Number(process.env.PORT ?? 3000)
server.listen(port, () => console.log(`http://localhost:${port}/enfold/console`))
process.once('SIGINT', () => server.close())
process.once('SIGTERM', () => server.close())
