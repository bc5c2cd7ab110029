/** Asks the user of the terminal to confirm an order that changes many contacts. */
import { createInterface } from 'node:readline'
import { CommandFailedError, UsageError } from './errors.ts'
import type { Streams } from './streams.ts'

/**
 * Returns if the answer is yes.
 *
 * @param would what would happen, as a sentence, or as several lines of what may be shown on a terminal
 * @throws UsageError without a terminal; Failed if the answer is anything else
 */
export async function confirm({ stdin, stderr }: Streams, would: string): Promise<void> {
  // The message of an error is one line: line ends in it would be shown as escapes.
  const isLong = would.includes('\n')
  if (isLong) stderr.write(`${would}\n`)
  const lead = isLong ? '' : `${would} `
  if (stdin.isTTY !== true || stderr.isTTY !== true || stdin.readableEnded)
    throw new UsageError(`${lead}There is no terminal to ask on: --yes goes ahead. Nothing was done.`)
  stderr.write(`${lead}Go ahead? [y/N] `)
  if (!/^\s*y(es)?\s*$/i.test(await firstLine(stdin))) throw new CommandFailedError('Nothing was done.')
}

/** Empty if the input ends. */
function firstLine(stdin: Streams['stdin']): Promise<string> {
  const lines = createInterface({ input: stdin, terminal: false })
  return new Promise<string>((resolve) => {
    lines.once('line', resolve)
    lines.once('close', () => resolve(''))
  }).finally(() => lines.close())
}
