/** What `enfold dev` says on the terminal. */
import { placeText } from '../places.ts'
import type { Streams } from '../streams.ts'
import { counted, named, plain } from '../text.ts'
import type { CampaignStatus } from './campaign-watch.ts'
import type { Caught } from './caught.ts'
import type { World } from './world.ts'

export function caughtLine({ contactId, kind, mail, stepId }: Caught): string {
  return `caught ${named(kind)} for ${named(contactId)}: ${plain(mail?.subject ?? stepId)}`
}

/** @param path of the campaign; `null`: it is the example */
export function tellOfCampaign(
  { stdout, stderr }: Streams,
  path: string | null,
  { problems, publication }: CampaignStatus,
): void {
  const file = path === null ? 'the example' : placeText(path)
  const told = ({ path: at, message }: { readonly path: string; readonly message: string }) =>
    stderr.write(`${file}: ${plain(at) || '/'}: ${plain(message)}\n`)
  problems.forEach(told)
  if (problems.length > 0) stderr.write(`${file} is not right: nothing was published.\n`)
  if (problems.length > 0 || publication === null) return
  const { campaignId, changes, staying, version, warnings } = publication
  warnings.forEach(told)
  stdout.write(`version ${version} of ${named(campaignId)} is published\n`)
  for (const change of changes ?? []) stdout.write(`  ${plain(change)}\n`)
  if (changes !== null && staying > 0)
    stdout.write(`  ${counted(staying, 'run')} in progress: each keeps the version that it started with\n`)
}

export function nextSteps({ campaignPath, time }: World): readonly string[] {
  const third =
    campaignPath === null
      ? 'Start with a campaign of your own: enfold dev campaign.json (the page has this one to save).'
      : `Change ${placeText(campaignPath)}: it is checked, and published when it is right.`
  return [
    '',
    'Next:',
    '  1. Open the address above. Every mail and message is caught there; nothing leaves this machine.',
    `  2. ${time === null ? 'Send a signal, and look at what comes next.' : 'Send a signal, and move the clock to the next step.'}`,
    `  3. ${third}`,
    'Ctrl-C ends it.',
  ]
}
