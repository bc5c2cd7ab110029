// #region service
import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'
import { expect, it } from 'vitest'
import { mailBy, Signups, trial } from './signups.ts'

async function given() {
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const mailed: string[] = []
  const email = mailBy(async (to, template) => void mailed.push(`${clock.now().slice(0, 10)} ${template} to ${to}`))
  const engine = createEngine({ store: createMemoryStore(), clock, handlers: { email } })
  orThrow(await engine.publish(trial))
  /** Lets time pass from one due step to the next, as a worker would meet them. */
  const until = async (instant: string) => {
    for (;;) {
      const { wakeAt } = await engine.runDue()
      if (wakeAt === null || wakeAt > instant) return clock.set(instant)
      clock.set(wakeAt)
    }
  }
  return { service: new Signups(engine), mailed, until }
}

it('a customer gets three letters in a year, each on its day', async () => {
  const { service, mailed, until } = await given()
  await service.signUp('ada')
  await service.signUp('ada')
  await until('2027-03-02T09:00:00.000Z')
  expect(mailed).toEqual(['2026-03-02 welcome to ada', '2026-03-09 how-is-it to ada', '2027-03-02 a-year to ada'])
})

it('a customer who buys gets no letter any more', async () => {
  const { service, mailed, until } = await given()
  await service.signUp('ada')
  await until('2026-03-03T09:00:00.000Z')
  await service.purchased('ada', 'order-7')
  await until('2027-03-02T09:00:00.000Z')
  expect(mailed).toEqual(['2026-03-02 welcome to ada'])
})
// #endregion service
