/** Orders on a campaign from the command line: publish and unpublish, pause and resume. */
import { type CampaignId, describeRejection, type Either, isLeft, type Overdue, type Rejection } from '@enfold/core'
import type { HeldByPause, PauseCampaignOrder, ResumeCampaignOrder } from '@enfold/engine'
import { messageOf, UsageError } from './errors.ts'
import type { Ordered } from './operations.ts'
import { CAMPAIGN_SENTENCES } from './order-sentences.ts'
import { placeText } from './places.ts'
import { confirm } from './prompt.ts'
import { readText, type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/** A definition in a file, as far as JSON goes. */
export async function readDefinition(path: string, stdin: Streams['stdin']): Promise<{ readonly id?: unknown } | null> {
  const text = await readText(path, stdin)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${placeText(path)} is no JSON: ${plain(messageOf(error))}`)
  }
}

/** @returns false if the definition was refused */
export async function publishFile(
  io: Streams,
  url: string,
  path: string,
  create: boolean,
  ordered: Ordered,
  options: OrderOptions,
): Promise<boolean> {
  const { json = false, readModel, onPoison } = options
  const { stdout, stderr } = io
  const definition = await readDefinition(path, io.stdin)
  const readModelOptions = {
    ...(readModel === undefined ? {} : { readModel }),
    ...(onPoison === undefined ? {} : { onPoison }),
  }
  return withEngine(url, create ? 'create' : 'write', readModelOptions, async (engine) => {
    const answered = await engine.publish(definition, ordered)
    const { commandId } = ordered
    if (isLeft(answered)) {
      const rejection = answered.left
      const message = describeRejection(rejection)
      const problems =
        rejection.type === 'CampaignInvalid'
          ? rejection.problems.map(
              (problem) => `${placeText(path)}: ${plain(problem.path) || '/'}: ${plain(problem.message)}`,
            )
          : [plain(message)]
      if (json) await writeLine(stdout, jsonText({ commandId, rejection, message }))
      else await writeLine(stderr, paintFor(stderr)('red', problems.join('\n')))
      return false
    }
    const campaignId = String(definition?.id)
    const { outcome, version, warnings } = answered.right
    if (json) await writeLine(stdout, jsonText({ campaignId, commandId, answer: answered.right }))
    else {
      for (const warning of warnings)
        await writeLine(stderr, `${placeText(path)}: ${plain(warning.path) || '/'}: ${plain(warning.message)}`)
      await writeLine(stdout, CAMPAIGN_SENTENCES.publish.did[outcome](named(campaignId), version, named(commandId)))
    }
    return true
  })
}

/** @returns false if there is no such campaign */
export async function unpublish(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  stopRuns: boolean,
  ordered: Ordered,
  options: OrderOptions,
): Promise<boolean> {
  const { stdout, stderr } = io
  return withEngine(url, 'write', options, async (engine) => {
    if (stopRuns && options.yes !== true) {
      const counts = await engine.inspect.counts({ campaignId })
      const runs = counts.reduce((sum, { active, waiting }) => sum + active + waiting, 0)
      if (runs > 1) await confirm(io, `This would unpublish ${named(campaignId)} and stop ${counted(runs, 'run')}.`)
    }
    const answered = await engine.unpublish(campaignId, { ...ordered, stopRuns })
    const { commandId } = ordered
    if (isLeft(answered)) {
      const message = describeRejection(answered.left)
      if (options.json === true)
        await writeLine(stdout, jsonText({ campaignId, commandId, rejection: answered.left, message }))
      else await writeLine(stderr, paintFor(stderr)('red', plain(message)))
      return false
    }
    const { outcome, version, stopped } = answered.right
    const told = CAMPAIGN_SENTENCES.unpublish.did[outcome](named(campaignId), version, named(commandId))
    const text = stopRuns ? `${told}; stopped ${counted(stopped, 'run')}` : told
    await writeLine(stdout, options.json === true ? jsonText({ campaignId, commandId, answer: answered.right }) : text)
    return true
  })
}

/** @returns false if it was refused */
export async function pauseCampaign(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  order: PauseCampaignOrder & Ordered,
  options: OrderOptions,
): Promise<boolean> {
  return withEngine(url, 'write', options, async (engine) =>
    told(io, campaignId, order, options, await engine.pauseCampaign(campaignId, order), (outcome) =>
      CAMPAIGN_SENTENCES.pauseCampaign.did[outcome](named(campaignId), 0, named(order.commandId)),
    ),
  )
}

/** Says what it would do before it asks (GATE-5). Returns false if it was refused. */
export async function resumeCampaign(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  order: ResumeCampaignOrder & Ordered & { readonly overdue: Overdue },
  options: OrderOptions,
): Promise<boolean> {
  return withEngine(url, 'write', options, async (engine) => {
    if (options.yes !== true) {
      const { pace } = order
      const held = await engine.inspect.heldByPause(campaignId, pace === undefined ? {} : { pace })
      const question = held === null ? null : wouldResume(held, order.overdue)
      if (question !== null) await confirm(io, question)
    }
    return told(io, campaignId, order, options, await engine.resumeCampaign(campaignId, order), (outcome) =>
      CAMPAIGN_SENTENCES.resumeCampaign.did[outcome](named(campaignId), 0, named(order.commandId)),
    )
  })
}

/** What a resume makes of the overdue runs, step by step; `null`: none is overdue. */
function wouldResume({ campaignId, steps }: HeldByPause, overdue: Overdue): string | null {
  if (steps.length === 0) return null
  const lines = steps.map((step) => {
    const { go, skip, first, last } = step.choices[overdue]
    const going = go === 0 ? '' : `${go} go ${first === last ? `at ${first}` : `from ${first} to ${last}`}`
    const skipped = skip === 0 ? '' : `${skip} skipped`
    const effect = [going, skipped].filter((part) => part !== '').join(', ')
    return `  ${named(step.stepId)} of ${named(step.sequenceId)}: ${counted(step.overdue, 'run')} overdue; ${effect}`
  })
  return `This would resume ${named(campaignId)}.\n${lines.join('\n')}`
}

async function told<Outcome extends string>(
  { stdout, stderr }: Streams,
  campaignId: CampaignId,
  { commandId }: Ordered,
  { json = false }: OrderOptions,
  answered: Either<Rejection, { readonly outcome: Outcome }>,
  say: (outcome: Outcome) => string,
): Promise<boolean> {
  if (isLeft(answered)) {
    const message = describeRejection(answered.left)
    if (json) await writeLine(stdout, jsonText({ campaignId, commandId, rejection: answered.left, message }))
    else await writeLine(stderr, paintFor(stderr)('red', plain(message)))
    return false
  }
  const answer = answered.right
  await writeLine(stdout, json ? jsonText({ campaignId, commandId, answer }) : say(answer.outcome))
  return true
}
