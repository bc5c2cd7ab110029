// #region engine
import { campaign, createEngine, isLeft, orThrow, standardSchema } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const poolOwners = campaign({
  id: 'pool-owners',
  goals: [{ id: 'bought', when: { kind: 'purchased', match: { product: 'robot' } } }],
  sequences: [
    {
      id: 'nurture',
      steps: [{ id: 'mistake-1', kind: 'email', params: { template: 'mistake-1' } }],
      next: ['bought'],
    },
  ],
})

// A JSON Schema, as TypeBox makes it. Zod: `z.object({ template: z.string() })`, as it is.
const email = standardSchema<{ template: string }>({
  type: 'object',
  properties: { template: { type: 'string' } },
  required: ['template'],
})

const engine = createEngine({
  store: createMemoryStore(),
  campaigns: [poolOwners],
  schemas: { params: { email } },
  handlers: {
    // Without it, this does not compile. `params` is { template: string }.
    email({ contactId, step: { params } }) {
      console.log(`${params.template} to ${contactId}`)
      return { outcome: 'sent' }
    },
  },
})
orThrow(await engine.publish(poolOwners))

// Your editor completes ids, kinds and names of data; what the campaign does not have does not compile.
const order = { contactId: 'ada', actor: 'luis' }
orThrow(await engine.startSequence({ ...order, campaignId: 'pool-owners', sequenceId: 'nurture' }))
await engine.runDue()
orThrow(await engine.signal({ contactId: 'ada', kind: 'purchased', data: { product: 'robot' } }))
// #endregion engine

// #region params
const steps = [{ id: 'mistake-1', kind: 'email', params: { templete: 'mistake-1' } }]
const refused = await engine.publish({ id: 'other', goals: [], sequences: [{ id: 'nurture', steps }] })
if (isLeft(refused) && refused.left.type === 'CampaignInvalid')
  for (const { path, message } of refused.left.problems) console.log(path, message)
// #endregion params
