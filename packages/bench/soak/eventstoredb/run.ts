/**
 * `pnpm soak:eventstoredb`: chaos with 20 seeds and its careless variants, of the store alone and of the engine over it;
 * memory over 1,000,000 events read and 10,000 reads that are left early; and what the store costs above the bare client.
 * On your own server: the chaos of the engine, and the costs. Exit status 1 if a promise is broken.
 */
import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'
import { yourChaosServer } from './chaos-server.ts'
import { engineChaos } from './engine-chaos.ts'
import { memory } from './memory.ts'
import { overhead } from './overhead.ts'

const HELP = `Usage: pnpm soak:eventstoredb [OPTIONS]

Without your own server, on fake ones:
  --seeds N       how many times the chaos is played, each time otherwise (20)
  --commands N    commands of each contact in the chaos of the store (100)
  --events N      events that are read while memory is watched (1000000)
  --exits N       reads that are left early meanwhile (10000)

With ENFOLD_EVENTSTOREDB_URL, on the server or cluster that it names, in streams that begin with "chaos-" and "overhead-":
  --seconds N     how long the chaos of the engine goes on (60)
  --kill COMMAND  of your shell: kills a node and brings it back, or leaves that to what watches over it
  --every N       seconds from the end of one such command to the next (15)
At the end every acknowledged order must stand in the log once, and the read model must be what the log says.
`
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '20' },
    commands: { type: 'string', default: '100' },
    events: { type: 'string', default: '1000000' },
    exits: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    kill: { type: 'string' },
    every: { type: 'string', default: '15' },
  },
})
const isYours = Boolean(process.env.ENFOLD_EVENTSTOREDB_URL)
if (values.help) {
  process.stdout.write(HELP)
  process.exit()
}
for (const name of ['seeds', 'commands', 'events', 'exits', 'seconds', 'every'] as const)
  if (!(Number(values[name]) > 0)) misused(`--${name} is "${values[name]}"; expected a number above 0.`)
if (values.kill !== undefined && !isYours)
  misused('--kill is for your own server: name it with ENFOLD_EVENTSTOREDB_URL. The fake ones are killed anyway.')

let broken = 0
function report(what: string, figures: object, isBroken: boolean): void {
  if (isBroken) broken += 1
  process.stdout.write(`${isBroken ? 'BROKEN' : 'ok'} ${what} ${JSON.stringify(figures)}\n`)
}
process.on('unhandledRejection', (error) => {
  report('an unhandled rejection', { error: String(error) }, true)
})

if (isYours) await onYours()
else await onFakes()
report('microseconds', await overhead(), false)
process.exitCode = broken === 0 ? 0 : 1

async function onYours(): Promise<void> {
  const figures = await engineChaos({
    seed: 1,
    readModel: 'sqlite',
    contacts: 12,
    commands: 10,
    lastsMs: Number(values.seconds) * 1000,
    server: await yourChaosServer(values.kill, Number(values.every)),
  })
  report('chaos of the engine on your server', figures, figures.problems.length > 0)
}

async function onFakes(): Promise<void> {
  const commands = Number(values.commands)
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const figures = await chaos({ seed, commands })
    report(`chaos, seed ${seed}`, figures, figures.problems.length > 0)
  }
  for (const careless of ['checkpoint-reached', 'fresh-ids'] as const)
    for (let seed = 1; seed <= Math.ceil(Number(values.seeds) / 5); seed++) {
      const { problems } = await chaos({ seed, commands, careless })
      report(`chaos, careless with ${careless}, seed ${seed}, is found out`, { problems }, problems.length === 0)
    }
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const readModel = seed % 2 === 0 ? 'sqlite' : 'memory'
    const figures = await engineChaos({ seed, readModel, contacts: 12, commands: 10 })
    report(`chaos of the engine, read model in ${readModel}, seed ${seed}`, figures, figures.problems.length > 0)
  }
  for (let seed = 1; seed <= Math.ceil(Number(values.seeds) / 5); seed++) {
    const careless = 'fresh-command-ids'
    const { problems } = await engineChaos({ seed, readModel: 'memory', contacts: 12, commands: 10, careless })
    report(
      `chaos of the engine, careless with ${careless}, seed ${seed}, is found out`,
      { problems },
      problems.length === 0,
    )
  }
  const left = await memory(Number(values.events), Number(values.exits))
  report('memory', left, left.grownBy > 20 || left.leftOpen > 0)
}

function misused(message: string): never {
  process.stderr.write(`${message} See --help.\n`)
  process.exit(2)
}
