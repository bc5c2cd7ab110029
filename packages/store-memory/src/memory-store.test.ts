import { createMemoryStore } from '@enfold/store-memory'
import { storeBattery } from '@enfold/testkit'

storeBattery('the memory store', () => ({ store: createMemoryStore() }))
