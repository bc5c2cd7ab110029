import { createMemoryStore } from 'enfold/memory'
import { commands, scenario } from 'enfold/testing'
import { storeBattery } from 'enfold/testing/battery'
import { it } from 'vitest'

const { start } = commands
const story = scenario({
  campaigns: [
    {
      id: 'pool-owners',
      goals: [],
      sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email', timer: { after: 'P1D' } }] }],
    },
  ],
})

it('START-2: starting an active sequence changes nothing', () => {
  story.given(start('nurture')).at('PT1H').when(start('nurture')).thenNothing({ outcome: 'already_active', run: 1 })
})

it('TIME-1: the first mistake goes out a day later', () => {
  story.given(start('nurture')).at('P1D').when(commands.dispatch()).thenEvents('StepDispatched')
})

// Every promise of a store, proved on yours.
storeBattery('my store', () => ({ store: createMemoryStore() }))
