/**
 * The campaign of `enfold dev`: read and checked at the start and with each change of its file. What is right is published
 * as a new version; what is wrong is told, and nothing is published.
 */
import { unwatchFile, watchFile } from 'node:fs'
import {
  type CampaignDefinition,
  type CampaignProblem,
  describeRejection,
  type Instant,
  isLeft,
  isLegalId,
} from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { campaignChanges } from './campaign-changes.ts'
import type { FileProblem, ReadCampaign } from './campaign-file.ts'

export interface Publication {
  readonly campaignId: string
  readonly version: number
  readonly at: Instant
  /** Since the version before; `null`: there was none. */
  readonly changes: readonly string[] | null
  /** Runs in progress when it was published: each keeps the version that it started with (VERSION-1). */
  readonly staying: number
  readonly warnings: readonly CampaignProblem[]
}

export interface CampaignStatus {
  /** How often the file was looked at. */
  readonly checks: number
  /** Of the last look; empty: it is right. */
  readonly problems: readonly FileProblem[]
  /** The last one; `null`: none yet. */
  readonly publication: Publication | null
}

export interface CampaignWatch {
  status(): CampaignStatus
  /** Reads the file again, and resolves when it was looked at. */
  check(): Promise<void>
  close(): void
}

interface Parts {
  /** `null`: it is in no file. */
  readonly path: string | null
  read(): Promise<ReadCampaign>
  readonly engine: Engine
  /** Nothing else is done to the engine meanwhile. */
  readonly exclusive: <Result>(work: () => Promise<Result>) => Promise<Result>
  onChecked(status: CampaignStatus): void
}

/** How often the file is looked at. By looking, and not by being told: editors replace files, and some disks tell nobody. */
const LOOK_MS = 300

export function watchCampaign({ path, read, engine, exclusive, onChecked }: Parts): CampaignWatch {
  let status: CampaignStatus = { checks: 0, problems: [], publication: null }
  let latest = Promise.resolve()
  let waiting = 0

  async function lookOnce(): Promise<void> {
    const found = await read()
    const checked =
      'problem' in found ? { problems: [found.problem] } : await exclusive(() => publish(engine, found.definition))
    const publication = ('publication' in checked ? checked.publication : undefined) ?? status.publication
    status = { checks: status.checks + 1, problems: 'problems' in checked ? checked.problems : [], publication }
    onChecked(status)
  }

  /** One after the other. What waits for its turn reads the file as it then is, so one that waits is enough. */
  function check(): Promise<void> {
    if (waiting === 0) {
      waiting += 1
      latest = latest.then(() => {
        waiting -= 1
        return lookOnce()
      })
    }
    return latest
  }

  if (path !== null) watchFile(path, { interval: LOOK_MS }, () => void check())
  return {
    status: () => status,
    check,
    close() {
      if (path !== null) unwatchFile(path)
    },
  }
}

type Checked = { readonly publication: Publication | null } | { readonly problems: readonly FileProblem[] }

/** `null`: it says what is published already. */
async function publish(engine: Engine, definition: unknown): Promise<Checked> {
  try {
    const campaignId = String((definition as { readonly id?: unknown } | null)?.id)
    const before = await publishedBefore(engine, campaignId)
    const published = await engine.publish(definition, { actor: 'enfold dev' })
    if (isLeft(published)) {
      const rejection = published.left
      if (rejection.type === 'CampaignInvalid') return { problems: rejection.problems }
      return { problems: [{ path: '', message: describeRejection(rejection) }] }
    }
    const { outcome, version, warnings } = published.right
    if (outcome === 'superseded')
      return {
        problems: [
          { path: '/revision', message: `is lower than that of version ${version}, which is published. Raise it.` },
        ],
      }
    return {
      publication: {
        ...{ campaignId, version, warnings, at: engine.inspect.now() },
        changes:
          before === null || outcome === 'unchanged'
            ? null
            : campaignChanges(before.definition, definition as CampaignDefinition),
        staying: before?.inProgress ?? 0,
      },
    }
  } catch (error) {
    return { problems: [{ path: '', message: error instanceof Error ? error.message : String(error) }] }
  }
}

async function publishedBefore(engine: Engine, campaignId: string) {
  if (!isLegalId(campaignId)) return null
  const found = await engine.inspect.campaign(campaignId)
  if (found === null) return null
  const counts = await engine.inspect.counts({ campaignId })
  return { definition: found.definition, inProgress: counts.reduce((sum, { active }) => sum + active, 0) }
}
