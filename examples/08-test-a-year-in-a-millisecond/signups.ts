/** A service of a host: it is given the engine, so that a test can give it another. */
import { campaign, type Engine, orThrow, type StepCall } from 'enfold'

export const trial = campaign({
  id: 'trial',
  timeZone: 'Europe/Berlin',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: [] }],
  sequences: [
    {
      id: 'letters',
      steps: [
        { id: 'welcome', kind: 'email' },
        { id: 'how-is-it', kind: 'email', timer: { afterDays: 7, at: '08:00' } },
        { id: 'a-year', kind: 'email', timer: { afterDays: 358, at: '08:00' } },
      ],
      next: ['bought'],
    },
  ],
})

export class Signups {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async signUp(contactId: string): Promise<void> {
    const order = { contactId, campaignId: 'trial', sequenceId: 'letters', actor: 'sign-up' }
    orThrow(await this.#engine.startSequence({ ...order, commandId: `signed-up-${contactId}` }))
  }

  async purchased(contactId: string, orderId: string): Promise<void> {
    orThrow(await this.#engine.signal({ contactId, kind: 'purchased', signalId: orderId }))
  }
}

/** The handler, with the host's mailer. */
export const mailBy = (send: (to: string, template: string) => Promise<void>) => async (call: StepCall) => {
  await send(call.contactId, call.step.id)
  return { outcome: 'sent' } as const
}
