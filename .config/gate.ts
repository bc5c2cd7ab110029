/**
 * The gate: `pnpm test` runs all of it, `pnpm check` and `pnpm test:package` a part: `node .config/gate.ts [PART]`. Most
 * stages keep one core busy, so two run at the same time.
 */
import { fileURLToPath } from 'node:url'
import { runStages, type Stage } from './stages.ts'

const vitest = 'vitest run --config .config/vitest.ts'
/** What a property proves is proved from source; bundles need one process, which loads them once. */
const bundle = (format: string) => `ENFOLD_SCALE=0.05 ENFOLD_CORE=${format} ${vitest} --maxWorkers=1`

/** In the order in which they begin; those that take longest stand first in their part. */
const PARTS: { readonly [part: string]: readonly Stage[] } = {
  check: [
    // What the documentation's build writes for a while must not be looked at by the others.
    { name: 'types', command: 'node --run check:types' },
    { name: 'docs', command: 'node --run check:docs' },
    { name: 'dependencies', command: 'node --run check:deps', after: 'docs' },
    { name: 'unused', command: 'node --run check:unused', after: 'docs' },
    { name: 'style', command: 'biome check .', after: 'docs' },
    { name: 'words', command: 'node --run check:words', after: 'docs' },
  ],
  suite: [{ name: 'suite', command: vitest, isAlone: true }],
  package: [
    { name: 'build', command: 'node --run build' },
    { name: 'browser', command: 'node --run test:browser' },
    { name: 'packed', command: 'node .config/packed.ts', after: 'build' },
    { name: 'core as ESM', command: bundle('esm'), after: 'build' },
    { name: 'core as CommonJS', command: bundle('cjs'), after: 'build' },
  ],
}

const [part] = process.argv.slice(2)
const stages = part === undefined ? Object.values(PARTS).flat() : PARTS[part]
if (stages === undefined) throw new Error(`"${part}" is no part of the gate: ${Object.keys(PARTS).join(', ')}.`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const hasPassed = await runStages(stages, {
  room: 2,
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  write: (text) => void process.stdout.write(text),
})
process.exitCode = hasPassed ? 0 : 1
