/** What the caller of the demo asks for: arguments, the three files, and a folder for what it writes. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CampaignDefinition, ContactId } from 'enfold'
import { holdsRun, removeStores, STORES } from './open-store.ts'
import { readCampaign } from './read-campaign.ts'
import { type Contact, readContacts } from './read-contacts.ts'
import { type Happening, readHappenings } from './read-happenings.ts'
import { inWords, type WrongLine } from './wrong-line.ts'

const HERE = import.meta.dirname

export const HELP = `Plays a campaign on a SQLite file, on PostgreSQL or on EventStoreDB, with a simulated clock, and reports.

  node demo.ts [--store sqlite|postgres|eventstoredb] [--console] [--keep] [--days N] [--campaign FILE] [--contacts FILE] [--happenings FILE] [--out FOLDER]

  --store NAME       sqlite, or postgres: a server that is started for it in the folder, and stopped at the end; with
                     ENFOLD_POSTGRES_URL, the schema enfold_demo of yours, which is emptied first; or eventstoredb: a
                     fake of that server, whose log ends with the demo; with ENFOLD_EVENTSTOREDB_URL, yours, where
                     each run has new streams, which stay (sqlite)
  --console          then show it in the console, in a browser of this machine, until Ctrl-C
  --keep             go on where the last run ended; without it, a run starts clean
  --days N           how many days to play, never less than to the last happening (90; with --keep, 14 more)
  --campaign FILE    a definition as JSON; mails come from templates/NAME.txt next to it (campaign.json)
  --contacts FILE    CSV with the columns id, name, email, timeZone, tags and any field (contacts.csv)
  --happenings FILE  JSON lines: what happened in the CRM, and what the staff ordered (happenings.jsonl)
  --out FOLDER       where the store, the outbox and the journal go (out)
  --help             this

The files in brackets are those next to demo.ts. Wrong lines in any of them are named, and nothing is written.`

export interface Input {
  readonly campaign: CampaignDefinition
  readonly contacts: ReadonlyMap<ContactId, Contact>
  readonly happenings: readonly Happening[]
}

/** What the caller has to put right; the message is for them. */
export class UsageError extends Error {}

export type Options = ReturnType<typeof readArguments>
export type Paths = Awaited<ReturnType<typeof prepareFolder>>

export function readArguments(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        store: { type: 'string', default: 'sqlite' },
        console: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        days: { type: 'string' },
        campaign: { type: 'string', default: join(HERE, 'campaign.json') },
        contacts: { type: 'string', default: join(HERE, 'contacts.csv') },
        happenings: { type: 'string', default: join(HERE, 'happenings.jsonl') },
        out: { type: 'string', default: join(HERE, 'out') },
      },
    })
    const days = values.days === undefined ? null : Number(values.days)
    if (days !== null && !(Number.isInteger(days) && days >= 1 && days <= 36_600))
      throw new UsageError(`--days is "${values.days}"; expected a whole number from 1 to 36,600.`)
    const store = STORES.find((name) => name === values.store)
    if (store === undefined) throw new UsageError(`--store is "${values.store}"; expected ${STORES.join(', ')}.`)
    if (store === 'eventstoredb' && values.keep)
      throw new UsageError(
        '--keep goes on with a log that was kept: that of the fake server is gone, and on your own server each run begins new streams.',
      )
    return { ...values, days, store }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${(error as Error).message} See --help.`)
  }
}

/** All three files, or a UsageError that names every wrong line of them. */
export function readInput({
  campaign: campaignFile,
  contacts: contactsFile,
  happenings: happeningsFile,
}: Options): Input {
  const campaign = reading(campaignFile, () => readCampaign(campaignFile))
  const contacts = reading(contactsFile, () => readContacts(contactsFile))
  const known = { campaign: campaign.value, contacts: contacts.value }
  const happenings = reading(happeningsFile, () => readHappenings(happeningsFile, known))
  const wrong: readonly WrongLine[] = [...campaign.wrong, ...contacts.wrong, ...happenings.wrong]
  if (wrong.length > 0 || campaign.value === null)
    throw new UsageError(`${inWords(wrong)}\nNothing was written. Put the lines right and run again.`)
  return { campaign: campaign.value, contacts: contacts.value, happenings: happenings.value }
}

function reading<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** Clears away what an earlier run left, and nothing else; the stores last, for by them such a folder is known. */
export async function prepareFolder(folder: string, keep: boolean) {
  const paths = { outbox: join(folder, 'outbox'), journal: join(folder, 'handled.jsonl') }
  const found = reading(folder, () => (existsSync(folder) ? readdirSync(folder) : []))
  if (found.length > 0 && !holdsRun(folder))
    throw new UsageError(`${folder} holds something else than an earlier run. Choose another folder with --out.`)
  mkdirSync(folder, { recursive: true })
  if (keep) return paths
  for (const path of [paths.outbox, paths.journal]) rmSync(path, { recursive: true, force: true })
  await removeStores(folder)
  return paths
}
