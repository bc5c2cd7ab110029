/** A CRM on Fastify: who becomes a customer is in the welcome campaign by the same commit, or neither is true. */
import { enfold } from '@enfold/fastify'
import { campaign, createEngine, describeRejection, isLeft, type StepHandler } from 'enfold'
import { createPostgresStore } from 'enfold/postgres'
import Fastify from 'fastify'
import { Pool } from 'pg'

const welcome = campaign({
  id: 'welcome',
  goals: [],
  sequences: [{ id: 'letters', steps: [{ id: 'hello', kind: 'email' }] }],
})

/** @param work whether due mails are sent by this process */
export async function createCrm(connectionString: string, email: StepHandler, work = true) {
  const pool = new Pool({ connectionString })
  const store = createPostgresStore({ connectionString })
  const engine = createEngine({ store, handlers: { email } })
  await pool.query('CREATE TABLE IF NOT EXISTS customers (id text PRIMARY KEY, plan text NOT NULL)')

  // #region plugin
  const app = Fastify()
  await app.register(enfold, { engine, store, work, publish: [welcome] })
  // #endregion plugin
  // Of connections that nobody uses: the pool makes new ones.
  pool.on('error', (error) => app.log.warn(error))
  app.post<{ Body: { id: string; plan: string; sequence: string } }>('/customers', async ({ body }, reply) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('INSERT INTO customers VALUES ($1, $2)', [body.id, body.plan])
      const order = { contactId: body.id, campaignId: 'welcome', sequenceId: body.sequence, actor: 'crm' }
      const answer = await engine.withTransaction(client).startSequence(order)
      // A rejection is an answer. Whether the customer stays without the campaign is yours to say; here they do not.
      await client.query(isLeft(answer) ? 'ROLLBACK' : 'COMMIT')
      if (isLeft(answer)) return reply.code(409).send({ error: describeRejection(answer.left) })
      return reply.code(201).send(answer.right)
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  })
  // After the worker, which is told to end first.
  app.addHook('onClose', () => pool.end())
  return { app, engine, pool }
}
