/** What tests ask for: a database or a server of their own, for as long as they run. */
export { givenEventStoreDb } from './eventstoredb.ts'
export {
  type GivenOwnServer,
  type GivenServer,
  givenOwnServer,
  givenSchema,
  givenSchemas,
  givenServer,
} from './postgres.ts'
