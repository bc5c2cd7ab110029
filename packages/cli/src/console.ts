/** `enfold console`: the operator's pages over a store, for the user of this machine, until told to stop. */
import { serveOnLoopback } from '@enfold/console'
import { onPort } from './port.ts'
import { type Streams, writeLine } from './streams.ts'
import { plain } from './text.ts'
import { untilToldToStop } from './told-to-stop.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

export interface ConsoleCommand extends OrderOptions {
  readonly actor: string
  /** Orders are taken. Without it the store is only read. */
  readonly write: boolean
  /** 0: any that is free. */
  readonly port: number
}

/** Nothing is sent from here: what is ordered is done by a worker. Resolves at SIGINT or SIGTERM. */
export async function openConsole(io: Streams, url: string, command: ConsoleCommand): Promise<void> {
  const { actor, port, write, ...options } = command
  await withEngine(url, write ? 'write' : 'read', options, async (engine) => {
    await untilToldToStop(async (told) => {
      const pages = await onPort(port, () =>
        serveOnLoopback({
          engine,
          port,
          principal: { id: actor, may: write ? 'write' : 'read' },
          onError: (error) => io.stderr.write(`${plain(String(error))}\n`),
        }),
      )
      await writeLine(io.stdout, pages.url)
      io.stderr.write(
        `${write ? 'Orders are taken; a worker (enfold run) does them.' : 'Read only; --write takes orders.'} The address opens once, in one browser of this machine. Ctrl-C ends it.\n`,
      )
      await told
      await pages.close()
    })
  })
}
