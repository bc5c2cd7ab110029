/** The command that serves assistants. What it does is in `mcp.ts`. */
import { type Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { serveMcp } from '../mcp.ts'
import type { Streams } from '../streams.ts'
import { actorOf, actorOption, feeding, type GivenOptions, hosted, portIn } from './options.ts'

interface McpOptions extends GivenOptions {
  readonly store?: string
  readonly allow?: readonly string[]
  readonly http?: boolean
  readonly port?: number
}

export function addMcpCommand(program: Command, io: Streams): void {
  const description = 'serve a store or a log to an assistant over MCP; questions only, unless --allow'
  feeding(hosted(program.command('mcp').description(description)))
    .argument('[source]')
    .option('--store <url>', 'the store or the log, instead of the argument')
    .option('--read-model <url>', 'of a log that keeps no index and agenda: sqlite:PATH or postgres://…')
    .option('--allow <order...>', 'orders that may be given, by their names on the engine')
    .addOption(actorOption())
    .option('--http', 'over HTTP on 127.0.0.1, with a token (default: on the standard streams)')
    .addOption(new Option('--port <n>', 'with --http (default: any that is free)').argParser(portIn))
    .action((source: string | undefined, options: McpOptions) => {
      const { allow = [], http = false, port, store } = options
      if (source !== undefined && store !== undefined)
        throw new UsageError('The log is named twice: by --store and as an argument.')
      const place = source ?? store
      if (place === undefined) throw new UsageError('Which store or log? Name it with --store URL.')
      if (port !== undefined && !http) throw new UsageError('--port goes with --http.')
      const token = process.env.ENFOLD_MCP_TOKEN ?? null
      return serveMcp(io, place, {
        ...options,
        allow,
        actor: actorOf(options),
        port: http ? (port ?? 0) : null,
        token: token === '' ? null : token,
      })
    })
}
