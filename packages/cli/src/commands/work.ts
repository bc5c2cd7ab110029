/** The commands of the worker, and those that look at its work. What they do is in a file each. */
import type { CampaignId, Instant, Overdue, WhatIf } from '@enfold/core'
import { ATTENTION_KINDS, type AttentionKind } from '@enfold/engine'
import { type Command, Option } from 'commander'
import { queryActions } from '../actions.ts'
import { idIn, instantIn, read, textIn, wholeNumberIn } from '../arguments.ts'
import { queryAttention } from '../attention.ts'
import { readDefinition } from '../campaign-orders.ts'
import { openConsole } from '../console.ts'
import { queryDue } from '../due.ts'
import { UsageError } from '../errors.ts'
import { queryContactForecast, queryForecast } from '../forecast.ts'
import { type ParkedOptions, tellParked } from '../parked.ts'
import { refresh } from '../refresh.ts'
import type { Streams } from '../streams.ts'
import { jsonText, type Paint, paintFor } from '../text.ts'
import type { OrderOptions } from '../with-engine.ts'
import { type WorkOptions, work } from '../work.ts'
import {
  actorOf,
  actorOption,
  asking,
  feeding,
  type GivenOptions,
  hosted,
  limitIn,
  paceOf,
  portIn,
  storeCommand,
  withStore,
} from './options.ts'

/** @param fail is called where something was refused or failed: exit status 1 */
export function addWorkCommands(program: Command, io: Streams, fail: () => void): void {
  const done = async (fine: Promise<boolean>) => {
    if (!(await fine)) fail()
  }
  program.commandsGroup('Work:')
  addDue(program, io)
  addForecast(program, io)
  addAttention(program, io)
  addActions(program, io)

  feeding(
    hosted(
      storeCommand(program, 'refresh', 'compute again when contacts are due, after their zone or dates have changed'),
    ),
  )
    .argument('<contacts...>', 'ids')
    .action((url: string, words: readonly string[], options: OrderOptions) =>
      done(refresh(io, url, idsOf(words), options)),
    )

  feeding(storeCommand(program, 'run', 'do what is due with your handlers, until SIGINT or SIGTERM'))
    .option('--handlers <file>', 'a module that exports handlers, by kind of step, and contacts if you have them')
    .option('--once', 'until nothing is due')
    .action((url: string, { handlers, ...options }: WorkOptions & { handlers?: string }) => {
      if (handlers === undefined)
        throw new UsageError(
          'run sends nothing by itself. Name a module that exports handlers: --handlers ./handlers.js, with export const handlers = { email: async (call) => ({ outcome: "sent" }) }.',
        )
      return done(work(io, url, handlers, options))
    })

  feeding(
    storeCommand(
      program,
      'drain',
      'after an outage: do what is due, and what is overdue now by a pace; then start `run`',
    ),
  )
    .option('--handlers <file>', 'as for run')
    .addOption(new Option('--most <n>', 'at most so many overdue steps in each span').argParser(wholeNumberIn))
    .option('--per <duration>', 'with --most: the span, such as PT10M (default: PT1H)')
    .action((url: string, { handlers, most, per, ...options }: DrainOptions) => {
      if (handlers === undefined)
        throw new UsageError(
          'drain sends nothing by itself. Name a module that exports handlers: --handlers ./handlers.js.',
        )
      if (most === undefined)
        throw new UsageError('Say how many overdue steps may begin in each span: --most 500 --per PT1H.')
      return done(work(io, url, handlers, { ...options, pace: { most, per: per ?? 'PT1H' } }))
    })

  asking(hosted(storeCommand(program, 'parked', 'name the contacts whose events cannot be shown in the index')))
    .argument('[contacts...]', 'ids (default: all that are parked)')
    .addOption(new Option('--retry', 'show them again, with all that has waited').conflicts('discard'))
    .option('--discard', 'give up on what has waited: they leave index and agenda until their next event')
    .action((url: string, words: readonly string[], options: ParkedOptions) =>
      done(tellParked(io, url, idsOf(words), options)),
    )

  addConsole(program, io)
}

type DrainOptions = WorkOptions & { readonly handlers?: string; readonly most?: number; readonly per?: string }

const idsOf = (words: readonly string[]) => words.map((word) => read(idIn, word))

function addDue(program: Command, io: Streams): void {
  hosted(storeCommand(program, 'due', 'show what is overdue and what is to come; changes nothing'))
    .argument('[contacts...]', 'ids (default: everyone)')
    .addOption(new Option('--until <instant>', 'what is due up to it (default: everything)').argParser(instantIn))
    .addOption(
      new Option('--limit <n>', 'of so many contacts, up to 1000, where none is named (default: 100)').argParser(
        limitIn,
      ),
    )
    .action(
      async (url: string, words: readonly string[], options: GivenOptions & { until?: Instant; limit?: number }) => {
        const { until, limit } = options
        if (limit !== undefined && words.length > 0)
          throw new UsageError('--limit is for everyone: name no contact, or leave it out.')
        const question = { ids: idsOf(words), limit: limit ?? 100, ...(until === undefined ? {} : { until }) }
        tell(io, await queryDue(url, question, options), options)
      },
    )
}

type ForecastOptions = GivenOptions & {
  until?: Instant
  days?: number
  campaign?: CampaignId
  by?: 'day' | 'hour'
  sample?: number
  ifPaused?: true
  ifResumed?: Overdue
  most?: number
  per?: string
  definition?: string
}

/** What else is taken to happen now (FORECAST-3); `null`: nothing. */
async function whatIfOf(io: Streams, options: ForecastOptions): Promise<WhatIf | null> {
  const { campaign: campaignId, definition: path, ifPaused, ifResumed } = options
  const pace = paceOf(options)
  if (pace !== undefined && ifResumed === undefined)
    throw new UsageError('--most and --per are the pace of a resume: say which with --if-resumed send.')
  if (campaignId === undefined && (ifPaused === true || ifResumed !== undefined))
    throw new UsageError('Say which campaign would be paused or resumed: --campaign ID.')
  const definition = path === undefined ? undefined : await readDefinition(path, io.stdin)
  if (ifPaused !== true && ifResumed === undefined && definition === undefined) return null
  const paced = pace === undefined ? {} : { pace }
  return {
    ...(definition === undefined ? {} : { definition }),
    ...(campaignId === undefined || ifPaused !== true ? {} : { pause: { campaignId } }),
    ...(campaignId === undefined || ifResumed === undefined
      ? {}
      : { resume: { campaignId, overdue: ifResumed, ...paced } }),
  }
}

function addForecast(program: Command, io: Streams): void {
  hosted(storeCommand(program, 'forecast', 'say what will come if nothing else happens; changes nothing'))
    .argument('[contact]', 'id (default: all contacts, added up)')
    .addOption(new Option('--until <instant>', 'up to it').argParser(instantIn).conflicts('days'))
    .addOption(
      new Option('--days <n>', 'for so many days (default: 30 for a contact, 14 for all)').argParser(wholeNumberIn),
    )
    .addOption(new Option('--by <span>', 'of all: how long the spans are (default: day)').choices(['day', 'hour']))
    .addOption(
      new Option(
        '--campaign <id>',
        'of all: only this campaign; which one --if-paused or --if-resumed is about',
      ).argParser(idIn),
    )
    .addOption(
      new Option('--sample <n>', 'of all: so many contacts stand for them (default: each)').argParser(wholeNumberIn),
    )
    .option('--if-paused', 'as if the campaign were paused now')
    .addOption(
      new Option('--if-resumed <how>', 'as if the campaign were resumed now')
        .choices(['shift', 'send', 'skip'])
        .conflicts('ifPaused'),
    )
    .addOption(
      new Option('--most <n>', 'with --if-resumed: at most so many overdue steps in each span').argParser(
        wholeNumberIn,
      ),
    )
    .option('--per <duration>', 'with --most: the span (default: PT1H)')
    .option('--definition <file>', 'as if it were published now; "-": the standard input')
    .action(async (url: string, word: string | undefined, options: ForecastOptions) => {
      const { until, days, campaign, by, sample, ifPaused, ifResumed } = options
      const whatIf = await whatIfOf(io, options)
      const spanOr = (usual: number) => (until === undefined ? { days: days ?? usual } : { until })
      if (word !== undefined) {
        const isOfAll = campaign !== undefined && ifPaused === undefined && ifResumed === undefined
        if (isOfAll || by !== undefined || sample !== undefined)
          throw new UsageError('--campaign, --by and --sample are for all contacts: name none.')
        return tell(io, await queryContactForecast(url, read(idIn, word), spanOr(30), whatIf, options), options)
      }
      const query = {
        by: by ?? 'day',
        ...(campaign === undefined ? {} : { campaignId: campaign }),
        ...(sample === undefined ? {} : { sample }),
        ...(whatIf === null ? {} : { whatIf }),
      }
      return tell(io, await queryForecast(url, query, spanOr(14), options, io.stderr), options)
    })
}

type AttentionOptions = GivenOptions & { kind?: AttentionKind; campaign?: CampaignId; limit: number; after?: string }

function addAttention(program: Command, io: Streams): void {
  hosted(
    storeCommand(program, 'attention', 'show what waits for a person: held, failed for good, stuck; changes nothing'),
  )
    .addOption(new Option('--kind <kind>', 'only these').choices(ATTENTION_KINDS))
    .addOption(
      new Option('--campaign <id>', 'only of this campaign: unhandled and parked belong to none').argParser(idIn),
    )
    .addOption(new Option('--limit <n>', 'of so many contacts, up to 1000').argParser(limitIn).default(50))
    .addOption(new Option('--after <cursor>', 'the next page').argParser(textIn))
    .action(async (url: string, options: AttentionOptions) => {
      const { kind, campaign, limit, after } = options
      const question = {
        limit,
        ...(kind === undefined ? {} : { kind }),
        ...(campaign === undefined ? {} : { campaigns: [campaign] }),
        ...(after === undefined ? {} : { after }),
      }
      tell(io, await queryAttention(url, question, options), options)
    })
}

interface PageOptions extends OrderOptions {
  readonly limit: number
  readonly after?: string
}

function addActions(program: Command, io: Streams): void {
  storeCommand(program, 'actions', 'show the orders over many contacts, the newest first, and how far each is')
    .addOption(new Option('--limit <n>', 'so many, up to 1000').argParser(limitIn).default(50))
    .addOption(new Option('--after <action>', 'the next page').argParser(idIn))
    .action(async (url: string, options: PageOptions) => {
      const { limit, after } = options
      tell(io, await queryActions(url, { limit, ...(after === undefined ? {} : { after }) }, options), options)
    })
}

function tell(
  { stdout }: Streams,
  answer: { readonly json: unknown; text(paint: Paint): string },
  { json = false }: OrderOptions,
): void {
  stdout.write(`${json ? jsonText(answer.json) : answer.text(paintFor(stdout))}\n`)
}

function addConsole(program: Command, io: Streams): void {
  const description = 'open the console in a browser of this machine; reads only, unless --write'
  hosted(withStore(program.command('console').description(description)))
    .option('--write', 'take orders, too')
    .addOption(actorOption())
    .addOption(new Option('--port <n>', 'on 127.0.0.1 (default: any that is free)').argParser(portIn))
    .action((url: string, options: GivenOptions & { write?: boolean; port?: number }) => {
      const { port = 0, write = false } = options
      return openConsole(io, url, { ...options, port, write, actor: actorOf(options) })
    })
}
