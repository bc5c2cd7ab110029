/** The server that tests, benchmarks, the soak and the demo work on: yours, where the environment names one, or a fake. */

import { forkFakeServer, type RemoteFakeServer } from './fork.ts'
import type { FakeServerOptions } from './server.ts'

export interface GivenServer {
  /** For `connectionString` of `@eventstore/db-client`; that of `@kurrent/kurrentdb-client` takes it, too. */
  readonly url: string
  /** The user of the URL, to be spread into the options of the store, which needs them over TLS. */
  readonly asUser: { readonly credentials?: { readonly username: string; readonly password: string } }
  /** `null`: the server is yours, and obeys nobody here. */
  readonly fake: RemoteFakeServer | null
  /** Ends a fake; your own server is left alone. */
  stop(): Promise<void>
}

/**
 * Connects to nothing yet. What is written on your own server stays there, so use a separate prefix.
 *
 * @param options of the fake
 */
export async function openServer(options: Pick<FakeServerOptions, 'port' | 'shuffle'> = {}): Promise<GivenServer> {
  const yours = process.env.ENFOLD_EVENTSTOREDB_URL
  if (yours) return { ...addressOf(yours), fake: null, stop: async () => {} }
  const fake = await forkFakeServer(options)
  return { url: fake.url, asUser: {}, fake, stop: fake.stop }
}

function addressOf(given: string): Pick<GivenServer, 'url' | 'asUser'> {
  const url = given.replace(/^(kurrentdb|kurrent|kdb)(?=(\+discover)?:)/, 'esdb')
  const [, username, password] = /^[^:]+:\/\/([^:@/]+):([^@/]+)@/.exec(url) ?? []
  if (username === undefined || password === undefined) return { url, asUser: {} }
  return {
    url,
    asUser: { credentials: { username: decodeURIComponent(username), password: decodeURIComponent(password) } },
  }
}
