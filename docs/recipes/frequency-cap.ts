import { campaign, type Engine, orThrow, type StepHandler } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const shop = campaign({
  id: 'shop',
  goals: [
    { id: 'joined', when: { kind: 'joined' }, next: ['tips', 'offer'] },
    { id: 'ordered', when: { kind: 'ordered' }, next: ['receipt', 'care'] },
  ],
  sequences: [
    {
      id: 'tips',
      steps: [
        { id: 'tip-1', kind: 'email', params: { cap: 'skip' } },
        { id: 'tip-2', kind: 'email', params: { cap: 'skip' }, timer: { afterDays: 2, at: '09:00' } },
        { id: 'tip-3', kind: 'email', params: { cap: 'skip' }, timer: { afterDays: 2, at: '09:00' } },
      ],
    },
    { id: 'offer', steps: [{ id: 'offer', kind: 'email', params: { cap: 'wait' }, maxAttempts: 20 }] },
    { id: 'receipt', steps: [{ id: 'receipt', kind: 'email' }] },
    {
      id: 'care',
      steps: [{ id: 'how-to-care', kind: 'email', params: { cap: 'wait' }, timer: { after: 'PT2H' }, maxAttempts: 20 }],
    },
  ],
})
// #endregion campaign

// #region host
/** Your table of the last mail of each contact. Both are one statement, because two steps may ask at once. */
export interface Ledger {
  /** 0: the day is taken for this key, now or before. Else in how many milliseconds it is free. */
  take(contactId: string, key: string): number
  giveBack(contactId: string, key: string): void
}

/** At most one mail in 24 hours: above that a step is skipped or waits, as its `cap` says. Others are not counted. */
export function capped(send: StepHandler, ledger: Ledger): StepHandler {
  return async (call) => {
    const { cap } = call.step.params
    if (cap === undefined) return send(call)
    const waitMs = ledger.take(call.contactId, call.idempotencyKey)
    if (waitMs > 0 && cap === 'wait') return { outcome: 'failed', reason: 'cap', retryAfterMs: waitMs }
    if (waitMs > 0) return { outcome: 'skipped', reason: 'cap' }
    const outcome = await send(call)
    if (outcome.outcome === 'skipped') ledger.giveBack(call.contactId, call.idempotencyKey)
    return outcome
  }
}
// #endregion host

export default recipe({
  campaigns: [shop],
  from: '2026-03-02',
  handle(send, now) {
    const last = new Map<string, { readonly key: string; readonly ms: number }>()
    return capped(send, {
      take(contactId, key) {
        const ms = Date.parse(now())
        const taken = last.get(contactId)
        const waitMs = taken === undefined || taken.key === key ? 0 : Math.max(0, taken.ms + 86_400_000 - ms)
        if (waitMs === 0 && taken?.key !== key) last.set(contactId, { key, ms })
        return waitMs
      },
      giveBack: (contactId) => void last.delete(contactId),
    })
  },
  async story({ engine, at, until, print }) {
    const tell = (kind: string) => async () => orThrow(await engine.signal({ contactId: 'ada', kind }))
    await at('2026-03-02 12:00', 'ada joins', tell('joined'))
    await at('2026-03-02 14:00', 'ada orders', tell('ordered'))
    await until('2026-03-10')
    for (const line of await skippedOf(engine, 'ada')) print(line)
  },
})

async function skippedOf(engine: Engine, contactId: string): Promise<readonly string[]> {
  const history = await engine.inspect.history(contactId)
  return history.flatMap(({ type, data }) =>
    type === 'StepSkipped' ? [`skipped: ${data.stepId} (${data.reason})`] : [],
  )
}
