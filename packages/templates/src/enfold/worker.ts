/**
 * Sends what is due, until the process is told to end. A program of its own, as many of it as you like; or import it in
 * your server, and it works there.
 */
import { engine, publishCampaigns, store } from './engine.ts'

async function work() {
  const ending = new AbortController()
  process.once('SIGINT', () => ending.abort())
  process.once('SIGTERM', () => ending.abort())
  await publishCampaigns()
  await engine.run({ signal: ending.signal })
  await engine.close()
  await store.close()
}

void work()
