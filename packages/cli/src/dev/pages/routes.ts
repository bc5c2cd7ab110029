/** Every page of `enfold dev`. They stand next to those of the console, under its rules. */
import { type Call, EVENT_STREAM_HEADERS, type Extension, get, type Page, post, streamed } from '@enfold/console/pages'
import { VERBS } from '@enfold/core'
import { poolOwners } from '../example.ts'
import type { World } from '../world.ts'
import { clockPage, moveClock } from './clock-page.ts'
import { messageHtml, messagePage, outboxPage } from './outbox-pages.ts'
import { type DevCall, PARTS } from './parts.ts'
import { createSignalPages } from './signal-page.ts'
import { readAgain, startPage } from './start-page.ts'

const ALL = { verbs: ['read'], campaigns: 'all' } as const
const ORDER = { verbs: VERBS.signal.permission, campaigns: 'all' } as const
const LOOK_MS = 250
const ALIVE_MS = 15_000

export function devPages(world: World): Extension {
  const { sendSignal, signalPage } = createSignalPages()
  /** A page shows what is due as done. */
  const at =
    <Path extends string>(handle: (call: DevCall<Path>) => Promise<Page | Response>) =>
    async (call: Call<Path>) => {
      await world.settled()
      return handle({ ...call, world })
    }
  return {
    parts: PARTS,
    routes: [
      get('/dev', ALL, at(startPage)),
      post('/dev/campaign', ORDER, at(readAgain)),
      get('/dev/campaign.json', ALL, async () => exampleJson()),
      get('/dev/outbox', ALL, at(outboxPage)),
      get('/dev/outbox/{message}', ALL, at<'/dev/outbox/{message}'>(messagePage)),
      get('/dev/outbox/{message}/html', ALL, at<'/dev/outbox/{message}/html'>(messageHtml)),
      get('/dev/signal', ALL, at(signalPage)),
      post('/dev/signal', ORDER, at(sendSignal)),
      get('/dev/clock', ALL, at(clockPage)),
      post('/dev/clock', ORDER, at(moveClock)),
      get('/dev/news', ALL, async ({ failed, request }) =>
        streamed(newsIn(world, request.signal), failed, EVENT_STREAM_HEADERS),
      ),
    ],
  }
}

function exampleJson(): Response {
  const headers = { 'content-type': 'application/json', 'content-disposition': 'attachment; filename="campaign.json"' }
  return new Response(`${JSON.stringify(poolOwners, null, 2)}\n`, { headers })
}

/** One event at first, and one when a page would show something new. */
async function* newsIn(world: World, signal: AbortSignal): AsyncGenerator<string> {
  let last: string | null = null
  let silentMs = 0
  while (!signal.aborted) {
    const revision = world.revision()
    if (revision !== last) yield `data: ${revision}\n\n`
    else if (silentMs >= ALIVE_MS) yield ': still here\n\n'
    silentMs = revision !== last || silentMs >= ALIVE_MS ? 0 : silentMs + LOOK_MS
    last = revision
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
