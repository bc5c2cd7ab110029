import { type ContactDirectory, campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const onboarding = campaign({
  id: 'onboarding',
  goals: [
    { id: 'opened', when: { kind: 'account-opened' }, next: ['checklist'] },
    { id: 'ready', when: { kind: 'checklist-done' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'checklist',
      steps: [
        {
          id: 'invite-your-team',
          kind: 'email',
          if: { none: [{ tag: 'team-invited' }] },
          timer: { afterDays: 1, at: '09:00', from: 'start' },
        },
        {
          id: 'import-contacts',
          kind: 'email',
          if: { none: [{ tag: 'contacts-imported' }] },
          timer: { afterDays: 3, at: '09:00', from: 'start' },
        },
        {
          id: 'send-a-mail',
          kind: 'email',
          if: { none: [{ tag: 'mail-sent' }] },
          timer: { afterDays: 5, at: '09:00', from: 'start' },
        },
        { id: 'offer-a-call', kind: 'task', timer: { afterDays: 8, at: '09:00', from: 'start' } },
      ],
      next: ['ready'],
    },
  ],
})
// #endregion campaign

// #region host
export const ITEMS = ['team-invited', 'contacts-imported', 'mail-sent']

/** Your table says what is done; the engine asks it when a step is due. */
export const directory = (done: (accountId: string) => string[]): ContactDirectory => ({
  get: (accountId) => ({ tags: done(accountId) }),
})

/** After an item was saved as done. */
export async function onItemDone(engine: Engine, accountId: string, done: string[]) {
  if (ITEMS.some((item) => !done.includes(item))) return
  orThrow(await engine.signal({ contactId: accountId, kind: 'checklist-done', signalId: `checklist/${accountId}` }))
}
// #endregion host

export default recipe({
  campaigns: [onboarding],
  from: '2026-03-02',
  async story({ engine, people, at, until }) {
    const table = new Map<string, string[]>()
    const contacts = directory((accountId) => table.get(accountId) ?? [])
    const tick = async (accountId: string, item: string) => {
      table.set(accountId, [...(table.get(accountId) ?? []), item])
      people.set(accountId, (await contacts.get(accountId)) ?? {})
      await onItemDone(engine, accountId, table.get(accountId) ?? [])
    }
    const open = async (accountId: string) =>
      orThrow(await engine.signal({ contactId: accountId, kind: 'account-opened' }))
    await at('2026-03-02 14:00', 'ada opens an account', () => open('ada'))
    await at('2026-03-02 14:10', 'bob opens an account', () => open('bob'))
    await at('2026-03-02 16:00', 'ada invites the team', () => tick('ada', 'team-invited'))
    await at('2026-03-05 11:00', 'ada imports contacts', () => tick('ada', 'contacts-imported'))
    await at('2026-03-06 11:00', 'ada sends a mail', () => tick('ada', 'mail-sent'))
    await until('2026-04-01')
  },
})
