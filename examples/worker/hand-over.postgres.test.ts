import { givenServer } from '@enfold/test-servers/given'
import { expect, it } from 'vitest'
import { givenPlace, LONG } from './place.fixture.ts'
import { atRest } from './soak/soak.ts'

const server = givenServer()

it('ONCE-3: on PostgreSQL, a worker that is told to end records what is in flight; another goes on, and nothing is repeated', async () => {
  const place = await givenPlace('retry', 60, server.url)
  await place.start(0, 40)
  const worker = place.worker(LONG)
  await place.until(() => place.mails().length >= 10 && place.ledger.inFlight().length > 0)
  const other = place.worker(LONG)
  worker.signal('SIGTERM')

  expect(await worker.ended).toBe(0)
  await atRest(place.ledger)
  expect(place.ledger.inFlight()).toEqual([])
  other.signal('SIGTERM')
  const verdict = await place.verdict({ endings: [await other.ended] })
  expect(verdict).toMatchObject({ sendings: 80, dispatches: 80, repeats: 0 })
}, 240_000)
