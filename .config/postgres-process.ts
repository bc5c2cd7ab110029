/** The server that all test files of a run share, in a process of its own (`shared-postgres.ts`): it ends with its parent. */
import { startPostgres } from '../packages/test-servers/src/postgres/index.ts'

const server = await startPostgres()
const stop = () => server.stop().finally(() => process.exit(0))
process.once('message', stop)
process.once('disconnect', stop)
process.send?.(server.url)
