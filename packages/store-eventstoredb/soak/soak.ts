/**
 * `pnpm soak:eventstoredb`: chaos with 20 seeds and its careless variants, of the store alone and of the engine over it;
 * memory over 1,000,000 events read and 10,000 reads that are left early; and what the store costs above the bare client.
 * Exit status 1 if a promise is broken.
 */
import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'
import { engineChaos } from './engine-chaos.ts'
import { memory } from './memory.ts'
import { overhead } from './overhead.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    commands: { type: 'string', default: '100' },
    events: { type: 'string', default: '1000000' },
    exits: { type: 'string', default: '10000' },
  },
})

let broken = 0
function report(what: string, figures: object, isBroken: boolean): void {
  if (isBroken) broken += 1
  process.stdout.write(`${isBroken ? 'BROKEN' : 'ok'} ${what} ${JSON.stringify(figures)}\n`)
}
process.on('unhandledRejection', (error) => {
  report('an unhandled rejection', { error: String(error) }, true)
})

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
report('microseconds', await overhead(), false)
process.exitCode = broken === 0 ? 0 : 1
