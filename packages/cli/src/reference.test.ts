/**
 * `docs/reference/commands.md` is made of the commands as they are: `ENFOLD_WRITE_SNIPPETS=1` writes it again. So no
 * command and no option is without its line.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { createSink } from './cli.fixture.ts'
import { createCommands } from './cli.ts'
import type { Streams } from './streams.ts'

const PAGE = join(import.meta.dirname, '../../../docs/reference/commands.md')

const INTRO = `# Commands: what \`enfold\` takes

Made from the commands by a test. How to use them: [operate from the terminal](../guides/operate.md), [audit](../guides/audit.md), [ask from an assistant](../guides/mcp.md). \`enfold --help\` says how a store, a log, an instant and a list of contacts are named.

Exit status: 0 fine, 1 something is wrong with the log or an order was refused, 2 something is wrong with the command.
`

function page(): string {
  const io = { stdin: Readable.from([]), stdout: createSink(), stderr: createSink() } as unknown as Streams
  const { commands } = createCommands([], io, () => {})
  const groups = Map.groupBy(commands, (command) => command.helpGroup().replace(/:$/, ''))
  return `${[INTRO.trimEnd(), ...[...groups].map(([name, all]) => groupOf(name, all))].join('\n\n')}\n`
}

/** What most commands of a group take is said once, and then by its name. */
function groupOf(name: string, commands: readonly Command[]): string {
  const all = Map.groupBy(commands.flatMap(linesOf), (line) => JSON.stringify(line))
  const shared = [...all.values()].filter((same) => commands.length > 2 && same.length > commands.length / 2)
  const isShared = (line: Line) => shared.some((same) => same === all.get(JSON.stringify(line)))
  const head =
    shared.length === 0
      ? []
      : [
          tableOf(
            'of most of these',
            shared.flatMap(([first]) => (first === undefined ? [] : [first])),
          ),
        ]
  return [
    `## ${name === '' ? 'Others' : name}`,
    ...head,
    ...commands.map((command) => sectionOf(command, isShared)),
  ].join('\n\n')
}

type Line = readonly [name: string, text: string]

const linesOf = (command: Command): readonly Line[] => [...argumentsOf(command), ...optionsOf(command)]

function argumentsOf({ registeredArguments }: Command): readonly Line[] {
  return registeredArguments.flatMap((argument): readonly Line[] =>
    argument.description === '' ? [] : [[argument.name(), argument.description]],
  )
}

function optionsOf({ options }: Command): readonly Line[] {
  return options.flatMap(({ argChoices, description, flags, hidden, mandatory }) => {
    const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`
    return hidden ? [] : [[flags, `${description}${choices}${mandatory ? '; required' : ''}`] as const]
  })
}

function sectionOf(command: Command, isShared: (line: Line) => boolean): string {
  const options = optionsOf(command)
  const also = options.filter(isShared).map(([flags]) => `\`${/--[\w-]+/.exec(flags)?.[0] ?? flags}\``)
  const own = linesOf(command).filter((line) => !isShared(line))
  return [
    `### \`enfold ${command.name()}\``,
    `\`enfold ${command.name()} ${command.usage()}\`: ${command.description()}.${also.length === 0 ? '' : ` Also ${also.join(', ')}.`}`,
    ...(own.length === 0 ? [] : [tableOf('', own)]),
  ].join('\n\n')
}

function tableOf(head: string, lines: readonly Line[]): string {
  const rows = lines.map(([name, text]) => `| \`${name.replaceAll('|', '\\|')}\` | ${text.replaceAll('|', '\\|')} |`)
  return [`| ${head} | |`, '|---|---|', ...rows].join('\n')
}

it('docs/reference/commands.md has every command with all that it takes', () => {
  if (process.env.ENFOLD_WRITE_SNIPPETS === '1') writeFileSync(PAGE, page())
  expect(readFileSync(PAGE, 'utf8')).toBe(page())
})
