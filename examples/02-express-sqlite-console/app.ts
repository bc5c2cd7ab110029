/**
 * A CRM on Express: its own route enrolls each sign-up, the API and the console are mounted next to it, and a
 * worker sends the mails.
 */

import { createEngine, describeRejection, isLeft, isLegalId, orThrow, type StepHandler } from 'enfold'
import { createConsole } from 'enfold/console'
import { type ApiOptions, createApi, toNodeHandler } from 'enfold/http'
import { createSqliteStore } from 'enfold/sqlite'
import express from 'express'

export interface CrmOptions {
  readonly database: string
  readonly email: StepHandler
  readonly authorize: ApiOptions['authorize']
}

export async function createCrm({ database, email, authorize }: CrmOptions) {
  const store = createSqliteStore({ path: database })
  const engine = createEngine({ store, handlers: { email } })
  // The same definition again publishes nothing.
  orThrow(
    await engine.publish({
      id: 'welcome',
      goals: [{ id: 'signed-up', when: { kind: 'signed-up' }, next: ['letters'] }],
      sequences: [
        {
          id: 'letters',
          steps: [
            { id: 'hello', kind: 'email' },
            { id: 'how-is-it', kind: 'email', timer: { afterDays: 3, at: '08:00' } },
          ],
        },
      ],
    }),
  )

  const app = express()
  app.use('/enfold/api', toNodeHandler(createApi({ engine, authorize, basePath: '/enfold/api' })))
  // #region console
  const pages = createConsole({ engine, authorize, basePath: '/staff/campaigns' })
  app.use('/staff/campaigns', toNodeHandler(pages))
  // #endregion console
  app.post('/signup', express.json(), async (request, response) => {
    const contactId: unknown = request.body?.id
    // The engine throws for anything that is no id. This is the place to say so.
    if (typeof contactId !== 'string' || !isLegalId(contactId)) return void response.status(400).end('Give an id.')
    const answer = await engine.signal({ contactId, kind: 'signed-up', signalId: `signup-${contactId}` })
    // A rejection is an answer, too: this contact was erased, for example.
    if (isLeft(answer)) response.status(409).json({ error: describeRejection(answer.left) })
    else response.status(201).json(answer.right)
  })

  const stopping = new AbortController()
  const working = engine.run({ signal: stopping.signal })
  return {
    app,
    engine,
    /** Begins nothing more, waits for mails in flight, and closes the file. */
    async close() {
      stopping.abort()
      await working
      await engine.close()
      await store.close()
    },
  }
}
