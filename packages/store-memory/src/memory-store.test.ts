import { createMemoryStore } from '@enfold/store-memory'
import { storeBattery } from '@enfold/testkit/battery'

storeBattery('the memory store', () => ({ store: createMemoryStore() }))
