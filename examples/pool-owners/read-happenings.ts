/** Reads a file of happenings: one JSON object a line, with what happened in the CRM or what somebody ordered. */
import { readFileSync } from 'node:fs'
import { type CampaignDefinition, type ContactId, type Facts, type Instant, isInstant, isLegalId } from 'enfold'
import { show, type TimelineInput } from 'enfold/core'
import type { Contact } from './read-contacts.ts'
import type { Read, WrongLine } from './wrong-line.ts'

/** What this file can hold of what `simulate` knows; and whose it is, and who ordered it. */
export type Happening = Exclude<TimelineInput, { readonly erase: true } | { readonly unsuppress: true }> & {
  /** The command or signal id: the same line has one effect, however often it is handed over (ONCE-1). */
  readonly id: string
  readonly at: Instant
  readonly contact: ContactId
  readonly actor?: string
  readonly reason?: string
}

/** What a simulation of one contact takes of it. */
export function simulated({ id: _, contact, actor, reason, ...happening }: Happening): TimelineInput {
  return happening
}

/** What a line must be read against. */
interface Known {
  /** `null`: could not be read. */
  readonly campaign: CampaignDefinition | null
  readonly contacts: ReadonlyMap<ContactId, Contact>
}

/** In the order of their instants; of those at the same instant, in the order of the file. */
export function readHappenings(file: string, known: Known): Read<readonly Happening[]> {
  const happenings: Happening[] = []
  const wrong: WrongLine[] = []
  const lineOfId = new Map<string, number>()
  const check = checker(known)
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((text, i) => {
      if (text.trim() === '') return
      const line = i + 1
      const read = parsed(text)
      const reasons = typeof read === 'string' ? [read] : check(read)
      if (typeof read !== 'string') {
        const { id } = read as unknown as Happening
        const first = lineOfId.get(id)
        if (first !== undefined && isLegalId(id)) reasons.push(`id ${show(id)} stands on line ${first} already`)
        lineOfId.set(id, first ?? line)
        happenings.push(read as unknown as Happening)
      }
      for (const reason of reasons) wrong.push({ file, line, reason })
    })
  if (happenings.length === 0 && wrong.length === 0) wrong.push({ file, line: 1, reason: 'has no happenings' })
  return { value: happenings.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)), wrong }
}

type Line = { readonly [key: string]: unknown }

function parsed(text: string): Line | string {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    return isObject(value) ? value : `is ${show(value)}; expected a JSON object`
  } catch (error) {
    return `is not JSON: ${(error as Error).message}`
  }
}

function isObject(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const ABOUT = ['id', 'at', 'contact', 'actor', 'reason']

/** Gives every reason for which a line cannot be taken. */
function checker({ campaign, contacts }: Known) {
  const sequences = new Map(campaign?.sequences.map(({ id, steps }) => [id, steps.map((step) => step.id)]))

  function sequence(word: string, value: unknown): string[] {
    if (campaign === null || sequences.has(value as string)) return []
    return [`${word} is ${show(value)}; expected a sequence: ${[...sequences.keys()].map(show).join(', ')}`]
  }
  function step(word: string, value: unknown): string[] {
    if (!Array.isArray(value) || value.length !== 2)
      return [`${word} is ${show(value)}; expected a sequence and its step, such as ["nurture", "mistake-1"]`]
    const problems = sequence(word, value[0])
    const steps = sequences.get(value[0])
    if (steps === undefined || steps.includes(value[1])) return problems
    return [`${word} is ${show(value)}; expected one of the steps ${steps.map(show).join(', ')}`]
  }
  function signal(word: string, value: unknown): string[] {
    const isSignal = isObject(value) && typeof value.kind === 'string' && value.kind !== ''
    if (isSignal && (value.data === undefined || isObject(value.data))) return []
    return [`${word} is ${show(value)}; expected { "kind": "form-submitted", "data": { … } }`]
  }
  function suppress(word: string, value: unknown): string[] {
    if (isObject(value) && (value.until === null || isInstant(value.until))) return []
    return [`${word} is ${show(value)}; expected { "until": null } or { "until": an instant }`]
  }
  const isTrue = (word: string, value: unknown) => (value === true ? [] : [`${word} is ${show(value)}; expected true`])

  const words = new Map<string, (word: string, value: unknown) => string[]>([
    ['signal', signal],
    ...['start', 'stop', 'restart', 'pause', 'resume'].map((word) => [word, sequence] as const),
    ['resend', step],
    ['cancel', step],
    ['stopAll', isTrue],
    ['suppress', suppress],
  ])

  return (line: Line): string[] => {
    const { id, at, contact, actor, reason, ...rest } = line
    const found = Object.keys(rest).filter((key) => words.has(key))
    const strange = Object.keys(rest).filter((key) => !words.has(key) && !(key === 'shift' && 'resume' in rest))
    const problems: string[] = []
    if (!isLegalId(id) || id.length > 190) problems.push(`id is ${show(id)}; expected 1 to 190 characters`)
    if (!isInstant(at)) problems.push(`at is ${show(at)}; expected an instant such as "2026-03-01T09:00:00.000Z"`)
    if (!contacts.has(contact as string)) problems.push(`contact is ${show(contact)}; expected an id of the contacts`)
    if (actor !== undefined && !isLegalId(actor)) problems.push(`actor is ${show(actor)}; expected an id`)
    if (reason !== undefined && (typeof reason !== 'string' || reason === ''))
      problems.push(`reason is ${show(reason)}; expected a text`)
    if ('shift' in rest && typeof rest.shift !== 'boolean') problems.push('shift must be true or false')
    if (found.length !== 1)
      problems.push(
        `says ${found.length === 0 ? 'nothing that happens' : found.join(' and ')}; expected one of ${[...words.keys()].join(', ')}`,
      )
    if (strange.length > 0)
      problems.push(`has ${strange.map(show).join(', ')}; apart from what happens it may have ${ABOUT.join(', ')}`)
    for (const word of found) problems.push(...(words.get(word)?.(word, rest[word]) ?? []))
    return problems
  }
}

/** What the CRM knows of a contact at an instant: purchases add to `spend`, tags that were applied are there. */
export function factsAt(contact: Contact, happenings: readonly Happening[], at: Instant): Facts {
  const { tags = [], fields = {}, ...facts } = contact.facts
  const signals = happenings.flatMap((one) => ('signal' in one && one.at <= at ? [one.signal] : []))
  const applied = signals.flatMap(({ kind, data }) =>
    kind === 'tag-applied' && typeof data?.tag === 'string' ? [data.tag] : [],
  )
  const paid = signals.flatMap(({ kind, data }) =>
    kind === 'purchased' && typeof data?.amount === 'number' ? [data.amount] : [],
  )
  if (applied.length === 0 && paid.length === 0) return contact.facts
  const spend = paid.reduce((sum, amount) => sum + amount, typeof fields.spend === 'number' ? fields.spend : 0)
  return { ...facts, tags: [...new Set([...tags, ...applied])], fields: { ...fields, spend } }
}
