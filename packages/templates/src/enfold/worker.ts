/**
 * Publishes the campaign and sends what is due, until the process is told to end. A program of its own, as many of it as
 * you like; or import it in your server, and it works there.
 */
import { createLifecycle } from 'enfold'
import { engine, store } from './engine.ts'
import { welcome } from './welcome.ts'

const worker = createLifecycle({ engine, store, publish: [welcome] })
process.once('SIGINT', () => worker.close())
process.once('SIGTERM', () => worker.close())
/** Settles once the campaign is published and the work has begun. */
export const ready = worker.start()
