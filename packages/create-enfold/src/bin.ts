#!/usr/bin/env node
/** The binary `create-enfold`. All it does is in `command.ts`, which is imported once this Node will do. */

process.exitCode = await run()

async function run(): Promise<number> {
  try {
    await import('./node-version.ts')
    const { answer } = await import('./command.ts')
    process.stdout.write(answer(process.argv.slice(2)))
    return 0
  } catch (error) {
    // Ours, and those of the parser of arguments. Anything else is a mistake here.
    if (!(error instanceof Error && (error.name === 'InitError' || 'code' in error))) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}
