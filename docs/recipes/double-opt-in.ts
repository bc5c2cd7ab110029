import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const newsletter = campaign({
  id: 'newsletter',
  signals: { 'form-submitted': { keep: ['form', 'textVersion'] } },
  goals: [
    {
      id: 'asked',
      when: { kind: 'form-submitted', match: { form: 'newsletter' } },
      next: [{ to: 'confirm', if: { none: [{ tag: 'subscriber' }] } }],
    },
    {
      id: 'confirmed',
      when: { kind: 'link-clicked', match: { link: 'confirm' } },
      achievableBy: 'members',
      next: ['letters'],
    },
    { id: 'left', when: { kind: 'unsubscribed' } },
  ],
  sequences: [
    {
      id: 'confirm',
      steps: [
        { id: 'please-confirm', kind: 'email' },
        { id: 'reminder', kind: 'email', timer: { afterDays: 2, at: '09:00' }, expiresAfter: 'P1D' },
      ],
      next: ['confirmed', 'left'],
    },
    {
      id: 'letters',
      steps: [
        { id: 'thanks', kind: 'email' },
        { id: 'best-of', kind: 'email', timer: { afterDays: 7, at: '09:00' } },
      ],
      next: ['left'],
    },
  ],
})
// #endregion campaign

// #region host
export async function onForm(engine: Engine, form: { id: string; contactId: string; textVersion: string }) {
  const data = { form: 'newsletter', textVersion: form.textVersion }
  orThrow(await engine.signal({ contactId: form.contactId, kind: 'form-submitted', data, signalId: `form/${form.id}` }))
}

/** The link names the form. `byProgram`: a scanner opened it, and nobody pressed the button on the page. */
export async function onConfirm(engine: Engine, click: { form: string; contactId: string; byProgram: boolean }) {
  const signal = { contactId: click.contactId, kind: 'link-clicked', data: { link: 'confirm' } }
  const how = click.byProgram ? { automated: true } : { signalId: `confirm/${click.form}` }
  orThrow(await engine.signal({ ...signal, ...how }))
}
// #endregion host

export default recipe({
  campaigns: [newsletter],
  from: '2026-03-02',
  async story({ engine, people, at, until }) {
    const form = { contactId: 'ada', textVersion: '2026-01' }
    await at('2026-03-02 09:00', 'ada sends the form', () => onForm(engine, { ...form, id: '1' }))
    await at('2026-03-02 09:01', 'a scanner opens the link', () =>
      onConfirm(engine, { form: '1', contactId: 'ada', byProgram: true }),
    )
    await at('2026-03-02 10:00', 'bob sends the form', () =>
      onForm(engine, { id: '2', contactId: 'bob', textVersion: '2026-01' }),
    )
    await at('2026-03-04 12:00', 'ada confirms', async () => {
      people.set('ada', { tags: ['subscriber'] })
      await onConfirm(engine, { form: '1', contactId: 'ada', byProgram: false })
    })
    await at('2026-03-20 12:00', 'ada presses the old button again', () =>
      onConfirm(engine, { form: '1', contactId: 'ada', byProgram: false }),
    )
    await at('2026-03-21 09:00', 'ada sends the form again', () => onForm(engine, { ...form, id: '3' }))
    await until('2026-04-01')
  },
})
