/** What the command `create-enfold` does, as `npm create enfold` runs it. */
import { parseArgs } from 'node:util'
import { create } from './create.ts'
import type { PackageManager } from './detect.ts'
import { InitError } from './errors.ts'

const HELP = `Usage: npm create enfold FOLDER

Makes a new project with a campaign, a server, a worker and a test. Asks nothing.

  --framework express|fastify|none   the server; none is node:http (default: express)
  --test vitest|node                 what runs the tests; node is node:test (default: vitest)
  --js                               JavaScript instead of TypeScript
  --dry-run                          only say what would be made

With npm, options come after --: npm create enfold FOLDER -- --js
In a project that there is: npx enfold init
`

/** @throws InitError and errors of `parseArgs`, which say what is wrong */
export function answer(args: readonly string[]): string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      framework: { type: 'string' },
      test: { type: 'string' },
      js: { type: 'boolean' },
      'dry-run': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return HELP
  const [folder, second] = positionals
  if (folder === undefined) throw new InitError(`Name the folder of the new project: npm create enfold my-campaigns`)
  if (second !== undefined) throw new InitError(`Expected one folder; ${JSON.stringify(second)} is a second.`)
  return create({
    folder,
    framework: values.framework,
    test: values.test,
    language: values.js ? 'js' : 'ts',
    dryRun: values['dry-run'],
    packageManager: startedBy(),
  })
}

/** Package managers say their name to what they run. */
function startedBy(): PackageManager {
  const names: readonly PackageManager[] = ['pnpm', 'yarn', 'bun']
  return names.find((name) => process.env.npm_config_user_agent?.startsWith(`${name}/`)) ?? 'npm'
}
