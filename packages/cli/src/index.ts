#!/usr/bin/env node
/** The binary `enfold`. All it does is in `cli.ts`, which is imported once core has accepted this Node. */

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = (await isNodeTooOld()) ? 2 : await runCommand()

async function isNodeTooOld(): Promise<boolean> {
  try {
    await import('@enfold/core')
    return false
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'NODE_TOO_OLD')) throw error
    process.stderr.write(`${error.message}\n`)
    return true
  }
}

async function runCommand(): Promise<number> {
  const { run } = await import('./cli.ts')
  // Left to Node, warnings of client libraries and their last words go past what takes passwords out.
  if (process.listenerCount('warning') > 0) {
    process.removeAllListeners('warning')
    process.on('warning', ({ name, message }) => process.stderr.write(`(enfold) ${name}: ${message}\n`))
  }
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  })
  return run(process.argv.slice(2), process)
}
