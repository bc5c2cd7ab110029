/** How many runs are in progress by each version of a campaign (VERSION-1). */
import type { Engine } from '@enfold/engine'

export interface Standing {
  readonly sequenceId: string
  readonly version: number
  /** In progress: active or paused. */
  readonly runs: number
}

/** Contacts that are looked at; beyond them nothing is counted. */
const MOST = 2000
const PAGE = 500

/** By sequence, then by version. Empty while there is one version alone. */
export async function standingOf({ inspect }: Engine, campaignId: string): Promise<readonly Standing[]> {
  const view = await inspect.campaign(campaignId)
  // There is no other version to go on by.
  if (view === null || view.version === 1) return []
  const sequences = new Set<string>()
  for (const { version } of view.versions)
    for (const { id } of (await inspect.campaign(campaignId, { version }))?.definition.sequences ?? [])
      sequences.add(id)
  const contacts = new Set<string>()
  for (const sequenceId of sequences)
    for (let after: string | null = null; contacts.size < MOST; ) {
      const page = await inspect.contactsInSequence({ campaignId, sequenceId, after, limit: PAGE })
      for (const contactId of page.contacts) contacts.add(contactId)
      if (page.next === null) break
      after = page.next
    }
  const counts = new Map<string, Standing>()
  for (const contactId of contacts)
    for (const run of (await inspect.contact(contactId)).enrollments) {
      if (run.campaignId !== campaignId || (run.status !== 'active' && run.status !== 'paused')) continue
      const { campaignVersion: version, sequenceId } = run
      const name = JSON.stringify([sequenceId, version])
      counts.set(name, { sequenceId, version, runs: (counts.get(name)?.runs ?? 0) + 1 })
    }
  return [...counts.values()].sort((a, b) =>
    a.sequenceId === b.sequenceId ? a.version - b.version : a.sequenceId < b.sequenceId ? -1 : 1,
  )
}
