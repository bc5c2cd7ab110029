/**
 * The gate: `pnpm test` runs all of it, `pnpm check` and `pnpm test:package` a part: `node .config/gate.ts [PART]`. Most
 * stages keep one core busy, and the suite has three workers. The machine that it must run on has two cores: there is room
 * for four workers, because tests wait for servers and processes half of their time.
 */
import { fileURLToPath } from 'node:url'
import { runStages, type Stage } from './stages.ts'

const vitest = 'vitest run --config .config/vitest.ts'

/** In the order in which they begin; those that take longest stand first in their part. */
const PARTS: { readonly [part: string]: readonly Stage[] } = {
  check: [
    // What the documentation's build writes for a while must not be looked at by the others.
    { name: 'docs', command: 'node --run check:docs' },
    { name: 'types', command: 'node --run check:types' },
    { name: 'dependencies', command: 'node --run check:deps', after: 'docs' },
    { name: 'unused', command: 'node --run check:unused', after: 'docs' },
    { name: 'style', command: 'biome check .', after: 'docs' },
    { name: 'words', command: 'node --run check:words', after: 'docs' },
  ],
  suite: [{ name: 'suite', command: `ENFOLD_SCALE=0.25 ${vitest} --maxWorkers=3`, after: 'docs', workers: 3 }],
  package: [
    { name: 'build', command: 'node --run build', after: 'types' },
    { name: 'packed', command: 'node .config/packed.ts', after: 'build' },
    { name: 'browser, core as ESM', command: 'node --run test:browser', after: 'build' },
  ],
}

// What a stage runs is compiled once for all of them.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url))

const [part] = process.argv.slice(2)
const stages = part === undefined ? Object.values(PARTS).flat() : PARTS[part]
if (stages === undefined) throw new Error(`"${part}" is no part of the gate: ${Object.keys(PARTS).join(', ')}.`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const hasPassed = await runStages(stages, {
  room: 4,
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  write: (text) => void process.stdout.write(text),
})
process.exitCode = hasPassed ? 0 : 1
