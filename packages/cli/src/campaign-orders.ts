/** Orders on a campaign from the command line: publish and unpublish, pause and resume. */
import { type CampaignId, describeRejection, type Either, isLeft, type Overdue, type Rejection } from '@enfold/core'
import type { PauseCampaignOrder, ResumeCampaignOrder } from '@enfold/engine'
import { type CampaignEffect, ifPaused, ifResumed, ifUnpublished, tellEffect } from './campaign-effects.ts'
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

/** `dryRun` prints what the order would do, and gives it not. */
type CampaignOptions = OrderOptions & { readonly dryRun?: boolean }

/** @returns false if there is no such campaign */
export async function unpublish(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  stopRuns: boolean,
  ordered: Ordered,
  options: CampaignOptions,
): Promise<boolean> {
  const { stdout, stderr } = io
  return withEngine(url, accessOf(options), options, async (engine) => {
    const answer = await foreseen(io, campaignId, options, () => ifUnpublished(engine, campaignId, stopRuns))
    if (answer !== null) return answer
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

/** Says what it would hold before it asks. Returns false if it was refused. */
export async function pauseCampaign(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  order: PauseCampaignOrder & Ordered,
  options: CampaignOptions,
): Promise<boolean> {
  return withEngine(url, accessOf(options), options, async (engine) => {
    const answer = await foreseen(io, campaignId, options, () => ifPaused(engine, campaignId, order))
    if (answer !== null) return answer
    return told(io, campaignId, order, options, await engine.pauseCampaign(campaignId, order), (outcome) =>
      CAMPAIGN_SENTENCES.pauseCampaign.did[outcome](named(campaignId), 0, named(order.commandId)),
    )
  })
}

/** Says what it would do before it asks (GATE-5). Returns false if it was refused. */
export async function resumeCampaign(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  order: ResumeCampaignOrder & Ordered & { readonly overdue: Overdue },
  options: CampaignOptions,
): Promise<boolean> {
  return withEngine(url, accessOf(options), options, async (engine) => {
    const answer = await foreseen(io, campaignId, options, () => ifResumed(engine, campaignId, order))
    if (answer !== null) return answer
    return told(io, campaignId, order, options, await engine.resumeCampaign(campaignId, order), (outcome) =>
      CAMPAIGN_SENTENCES.resumeCampaign.did[outcome](named(campaignId), 0, named(order.commandId)),
    )
  })
}

const accessOf = ({ dryRun }: CampaignOptions) => (dryRun === true ? 'read' : 'write')

/** With `--dry-run` the exit; else `null`, when what it would do has been confirmed, or needs not to be. */
async function foreseen(
  io: Streams,
  campaignId: CampaignId,
  { dryRun = false, json = false, yes = false }: CampaignOptions,
  effectOf: () => Promise<CampaignEffect | Rejection>,
): Promise<boolean | null> {
  if (yes && !dryRun) return null
  const effect = await effectOf()
  if (dryRun) return tellEffect(io, campaignId, effect, { json })
  // What is refused is told by the order itself.
  if (!('type' in effect) && effect.isAsked) await confirm(io, effect.lines.join('\n'))
  return null
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
