import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const news = campaign({
  id: 'news',
  goals: [{ id: 'left', when: { kind: 'unsubscribed' }, achievableBy: 'members' }],
  sequences: [
    {
      id: '2026-06',
      steps: [{ id: 'summer', kind: 'email', timer: { on: '2026-06-01T09:00' }, expiresAfter: 'P1D' }],
      next: ['left'],
    },
  ],
})
// #endregion campaign

// #region host
/** `list`: its name, once for each list that is sent. */
export async function sendNews(engine: Engine, list: string, contactIds: readonly string[], actor: string) {
  const order = { action: 'start', campaignId: 'news', sequenceId: '2026-06', actor } as const
  const action = await engine.processAction({ ...order, actionId: `news/${list}`, contacts: { ids: contactIds } })
  return orThrow(action).outcomes
}

/** Before it goes out, as if it had never been started. */
export async function takeBack(engine: Engine, list: string, actor: string) {
  const order = { actionId: `undo/news/${list}`, undoes: `news/${list}`, actor, reason: 'the wrong list' }
  return orThrow(await engine.undoAction(order)).outcomes
}
// #endregion host

export default recipe({
  campaigns: [news],
  from: '2026-05-01',
  async story({ engine, people, at, until, print }) {
    people.set('cem', { timeZone: 'America/New_York' })
    await at('2026-05-29 15:00', 'olga starts the list of customers', async () => {
      const { started } = await sendNews(engine, 'customers', ['ada', 'bob', 'cem'], 'olga')
      print(`    started: ${started}`)
    })
    await at('2026-05-29 15:10', 'olga starts the list of partners', async () => {
      const { started, already_active } = await sendNews(engine, 'partners', ['bob', 'dan'], 'olga')
      print(`    started: ${started}, in it already: ${already_active}`)
    })
    await at('2026-05-30 10:00', 'olga takes the partners back', async () => {
      const { undone, nothing_to_undo } = await takeBack(engine, 'partners', 'olga')
      print(`    undone: ${undone}, nothing to undo: ${nothing_to_undo}`)
    })
    await until('2026-07-01')
  },
})
