/** A server on Fastify: a route of your own, and Enfold's console and API. */
import fastify from 'fastify'
import { signedUp } from '../enfold/enroll.ts'
import { mountEnfold } from '../enfold/mount-fastify.ts'

const app = fastify()
app.register(mountEnfold)

app.post<{ Params: { id: string } }>('/sign-up/:id', async (request, reply) => {
  reply.code(201)
  return signedUp(request.params.id)
})

const port = Number(process.env.PORT ?? 3000)
app.listen({ port }, () => console.log(`http://localhost:${port}/enfold/console`))
process.once('SIGINT', () => app.close())
process.once('SIGTERM', () => app.close())
