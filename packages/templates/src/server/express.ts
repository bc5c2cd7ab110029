/** A server on Express: a route of your own, and Enfold's console and API. The worker runs in the same process. */
import express from 'express'
import { signedUp } from '../enfold/enroll.ts'
import { mountEnfold } from '../enfold/mount-express.ts'
import '../enfold/worker.ts'

const app = express()
mountEnfold(app)

app.post('/sign-up/:id', async (request, response) => {
  response.status(201).json(await signedUp(request.params.id))
})

const port = Number(process.env.PORT ?? 3000)
const server = app.listen(port, () => console.log(`http://localhost:${port}/enfold/console`))
process.once('SIGINT', () => server.close())
process.once('SIGTERM', () => server.close())
