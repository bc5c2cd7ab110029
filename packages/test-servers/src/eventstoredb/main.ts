/**
 * The fake server as a process of its own: `node main.ts [port [seed]]`, with a seed in random commit order. A client of KurrentDB cannot share a process with it,
 * because the generated code of both packages uses the same global names. Started with a channel, it obeys its parent.
 * On SIGUSR2 all its connections break, and it listens again a moment later: a node that is killed and comes back.
 */
import { type FakeServer, NOT_MODELLED, startFakeServer } from './server.ts'

const server = await startFakeServer({
  port: Number(process.argv[2] ?? 0),
  ...(process.argv[3] === undefined ? {} : { shuffle: Number(process.argv[3]) }),
})

process.on('SIGUSR2', () => {
  server.kill()
  setTimeout(() => void server.restart(), 100)
})

if (process.send === undefined) {
  const matters = NOT_MODELLED.map((matter) => `- ${matter}\n`).join('')
  process.stdout.write(`A fake of EventStoreDB listens at ${server.url}. It does not model:\n${matters}`)
} else {
  process.on('message', async ({ id, method, args }: { id: number; method: keyof FakeServer; args: unknown[] }) => {
    const answer = await (server[method] as (...args: unknown[]) => unknown)(...args)
    process.send?.({ id, answer })
  })
  process.on('disconnect', () => process.exit())
  process.send({ url: server.url, clusterUrl: server.clusterUrl, port: server.port })
}
