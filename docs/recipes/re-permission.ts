import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const rePermission = campaign({
  id: 're-permission',
  goals: [
    { id: 'stays', when: { kind: 'link-clicked', match: { link: 'stay' } }, achievableBy: 'members' },
    { id: 'left', when: { kind: 'unsubscribed' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'ask',
      steps: [
        { id: 'still-interested', kind: 'email' },
        { id: 'last-chance', kind: 'email', timer: { afterDays: 7, at: '10:00' } },
        { id: 'take-off-the-list', kind: 'opt-out', timer: { afterDays: 14, at: '10:00' }, onFailure: 'hold' },
      ],
      next: ['stays', 'left'],
    },
  ],
})
// #endregion campaign

// #region host
/** A cron job, once a quarter: `quiet` are the contacts that opened nothing for a year, as your table says. */
export async function askAgain(engine: Engine, quarter: string, quiet: readonly string[]) {
  const action = { action: 'start', campaignId: 're-permission', sequenceId: 'ask' } as const
  const order = { ...action, actionId: `re-permission/${quarter}`, actor: 'cron', reason: 'quiet for a year' }
  return orThrow(await engine.processAction({ ...order, contacts: { ids: quiet } }))
}

export async function onStay(engine: Engine, contactId: string, byProgram: boolean) {
  const data = { link: 'stay' }
  orThrow(await engine.signal({ contactId, kind: 'link-clicked', data, automated: byProgram }))
}
// #endregion host

export default recipe({
  campaigns: [rePermission],
  from: '2026-03-02',
  async story({ engine, at, until, print }) {
    await at('2026-04-01 10:00', 'the job asks ada, bob and cem', async () => {
      const { outcomes } = await askAgain(engine, '2026-Q2', ['ada', 'bob', 'cem'])
      print(`    started: ${outcomes.started}`)
    })
    await at('2026-04-01 10:05', 'the job runs twice', () => askAgain(engine, '2026-Q2', ['ada', 'bob', 'cem']))
    await at('2026-04-01 10:06', 'a scanner opens the link of bob', () => onStay(engine, 'bob', true))
    await at('2026-04-02 19:00', 'ada wants to stay', () => onStay(engine, 'ada', false))
    await at('2026-04-09 08:00', 'cem wants to stay', () => onStay(engine, 'cem', false))
    await until('2026-06-01')
  },
})
