/**
 * `enfold dev`: a campaign to look at and to try, on this machine alone. Every step is caught, whatever its kind; the clock
 * is moved by hand; the campaign file is watched. It runs until it is told to stop.
 */
import { createConsoleWith, servePagesOnLoopback } from '@enfold/console/pages'
import { UsageError } from '../errors.ts'
import { placeText } from '../places.ts'
import { onPort } from '../port.ts'
import { readText, type Streams, writeLine } from '../streams.ts'
import { counted, plain } from '../text.ts'
import { untilToldToStop } from '../told-to-stop.ts'
import { requireCampaignFile } from './campaign-file.ts'
import { contactsIn } from './contacts-csv.ts'
import { madeUp } from './made-up.ts'
import { ACTOR, openWorld } from './open-world.ts'
import { devPages } from './pages/routes.ts'
import { type People, textField } from './people.ts'
import { nextSteps } from './terminal.ts'
import type { World } from './world.ts'

export interface DevCommand {
  /** `null`: the example. */
  readonly campaign: string | null
  /** `null`: in memory. */
  readonly store: string | null
  /** A CSV file; `null`: contacts are made up. */
  readonly contacts: string | null
  readonly madeUp: number
  readonly seed: number
  readonly clock: 'simulated' | 'real'
  /** 0: any that is free. */
  readonly port: number
}

/** Resolves when it was told to stop, by SIGINT or SIGTERM. */
export async function dev(io: Streams, command: DevCommand): Promise<void> {
  const { campaign, clock, port, store } = command
  if (campaign !== null) requireCampaignFile(campaign)
  const people = await peopleOf(io, command)
  await untilToldToStop(async (told) => {
    const { begin, close, world } = await openWorld(io, { campaign, clock, store, ...people })
    try {
      const pages = await onPort(port, () => serve(io, world, port))
      try {
        await writeLine(io.stdout, pages.url)
        await begin()
        for (const line of nextSteps(world)) await writeLine(io.stdout, line)
        await told
      } finally {
        await pages.close()
      }
    } finally {
      await close()
    }
  })
}

/** @throws UsageError, after every line that is wrong was told */
async function peopleOf(
  io: Streams,
  { contacts, madeUp: count, seed }: DevCommand,
): Promise<{ readonly people: People; readonly peopleFrom: string }> {
  if (contacts === null)
    return { people: madeUp(count, seed), peopleFrom: `${counted(count, 'contact')}, made up (seed ${seed})` }
  const { people, wrong } = contactsIn(await readText(contacts, io.stdin))
  const name = placeText(contacts)
  if (wrong.length === 0) return { people, peopleFrom: `${counted(people.size, 'contact')} of ${name}` }
  for (const { line, reason } of wrong.slice(0, MOST_TOLD)) io.stderr.write(`${name}:${line}: ${plain(reason)}\n`)
  throw new UsageError(`${name} has ${counted(wrong.length, 'mistake')}. Nothing was started.`)
}

const MOST_TOLD = 20

function serve({ stderr }: Streams, world: World, port: number) {
  return servePagesOnLoopback({
    ...{ port, opensOnce: false, first: '/dev', principal: { id: ACTOR, may: 'write' } },
    pagesFor: (authorize) =>
      createConsoleWith(
        {
          engine: world.engine,
          authorize,
          describe: (contactId) => textField(world.people.get(contactId) ?? {}, 'name'),
          onError: (error) => void stderr.write(`${plain(String(error))}\n`),
        },
        devPages(world),
      ),
  })
}
