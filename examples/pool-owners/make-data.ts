/**
 * Makes contacts.csv and happenings.jsonl: invented people, and 90 days of what they and the staff do. The same bytes
 * on every run. `node make-data.ts` writes next to this file, `node make-data.ts FOLDER` elsewhere.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { instantOf } from 'enfold'

const FOLDER = process.argv[2] ?? import.meta.dirname
const FIRST_DAY_MS = Date.UTC(2026, 2, 2)
const DAYS = 90
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

// --- Chance, the same every time: mulberry32 (Tommy Ettinger, 2017, public domain) -----------------------------------

let seed = 20260302
function chance(): number {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const whole = (from: number, to: number) => from + Math.floor(chance() * (to - from + 1))
const oneOf = <T>(list: readonly T[]) => list[whole(0, list.length - 1)] as T

// --- People ---------------------------------------------------------------------------------------------------------

const FIRST_NAMES =
  'Ada Amir Anna Aroha Ben Carla Chloé Dario Dina Eero Elif Emma Finn Freya Grace Hana Hugo Ines Ivo Jack Jana Kofi Lars Lena Liam Lucía Maja Marek Mei Mia Noah Nora Olga Omar Paul Priya Quinn Rosa Ruth Sam Sana Sofía Tariq Tess Uma Vera Wei Yuki Zoë'.split(
    ' ',
  )
const LAST_NAMES =
  "Abbott Bauer Björk Castro Chen Dubois Evans Fischer García Haddad Ito Jansen Kaya Kowalski Larsson Lopez Mori Moreau Nakamura Novák Nguyen O'Neill Okafor Park Patel Quist Rossi Sato Schmidt Silva Smith Tanaka Tran Vega Walker Weber Wójcik Young Zhang".split(
    ' ',
  )
const ZONES =
  'America/Chicago America/Chicago America/New_York America/Los_Angeles America/Phoenix America/Denver America/Sao_Paulo America/St_Johns Europe/Berlin Europe/Madrid Europe/Lisbon Europe/Helsinki Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Lord_Howe Asia/Tokyo Asia/Kolkata Asia/Kathmandu Asia/Dubai'.split(
    ' ',
  )
const TAGS = ['newsletter', 'lead', 'trade', 'customer', 'salt-water', 'above-ground']
/** Ids that have broken somebody's program before. */
const HOSTILE = new Map([
  [41, '__proto__'],
  [77, 'Bob "the Pool" O\'Brien, jr.'],
  [113, '🏊‍♀️ lane/4'],
  [161, 'constructor'],
])
const NO_SUCH_ZONE = 131

interface Person {
  readonly id: string
  readonly columns: readonly string[]
}

function person(n: number): Person {
  const first = oneOf(FIRST_NAMES)
  const last = oneOf(LAST_NAMES)
  const id = HOSTILE.get(n) ?? `p-${String(n).padStart(3, '0')}`
  const mailbox = `${first}.${last}.${n}`
    .normalize('NFD')
    .replaceAll(/[^\w.]/g, '')
    .toLowerCase()
  const email = n % 97 === 0 ? '' : `${mailbox}@example.${oneOf(['com', 'org'])}`
  const zone = n === NO_SUCH_ZONE ? 'Mars/Olympus_Mons' : n % 50 === 0 ? '' : oneOf(ZONES)
  const tags = TAGS.filter(() => chance() < 0.25).join(';')
  const spend = chance() < 0.6 ? whole(0, 300) : whole(301, 2400)
  const born = instantOf(Date.UTC(whole(1948, 2001), 0, whole(1, 365))).slice(0, 10)
  const birthday = n === 20 ? '1980-02-29' : n % 9 === 0 ? '' : born
  return { id, columns: [id, `${first} ${last}`, email, zone, tags, String(spend), birthday] }
}

const people = Array.from({ length: 300 }, (_, i) => person(i + 1))
const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const table = [['id', 'name', 'email', 'timeZone', 'tags', 'spend', 'birthday'], ...people.map((one) => one.columns)]
writeFileSync(join(FOLDER, 'contacts.csv'), table.map((row) => `${row.map(quoted).join(',')}\n`).join(''))

// --- What happens ---------------------------------------------------------------------------------------------------

const happenings: { readonly at: string; readonly contact: string; readonly [key: string]: unknown }[] = []

/** `day` counts from the first, fractions included; what would be after the last day does not happen. */
function happens(day: number, { id }: Person, what: { readonly [key: string]: unknown }): void {
  const at = instantOf(FIRST_DAY_MS + Math.floor((day * DAY_MS) / MINUTE_MS) * MINUTE_MS)
  if (day < DAYS) happenings.push({ at, contact: id, ...what })
}
/** In the office, 14:00 to 21:59 UTC. */
const inOffice = (day: number) => Math.floor(day) + (14 + whole(0, 479) / 60) / 24
const MINUTE = 1 / 1440

const FORM = { signal: { kind: 'form-submitted', data: { form: 'pool-guide' } } }
const STOP_MAIL = { signal: { kind: 'tag-applied', data: { tag: 'stop-mail' } } }
const bought = () =>
  chance() < 0.85
    ? { signal: { kind: 'purchased', data: { product: 'robot', amount: 640 } } }
    : { signal: { kind: 'stage-moved', data: { stage: 'won' } }, actor: oneOf(['dana', 'luis']) }
const staff = (reason: string) => ({ actor: oneOf(['dana', 'luis', 'marta']), reason })

/** What else happens to somebody who asked for the guide on `day`. */
type Story = (who: Person, day: number) => void

const stories: readonly (readonly [number, Story])[] = [
  [62, (who, day) => happens(day + whole(4, 40) + chance(), who, bought())],
  [16, (who, day) => happens(day + whole(3, 20) + chance(), who, STOP_MAIL)],
  [
    10,
    (who, day) =>
      happens(inOffice(day + whole(4, 15)), who, {
        stop: 'nurture',
        ...staff(oneOf(['asked by phone', 'asked in an e-mail reply', 'asked at the counter'])),
      }),
  ],
  [5, (who, day) => happens(inOffice(day + 4), who, { start: 'nurture', ...staff('asked for the guide by phone') })],
  [
    4,
    (who, day) => {
      const at = inOffice(day + 8)
      happens(at, who, { stop: 'nurture', ...staff('wants to begin again') })
      happens(at + 3 * MINUTE, who, { start: 'nurture', ...staff('wants to begin again') })
    },
  ],
  [2, (who, day) => happens(inOffice(day + 9), who, { restart: 'nurture', ...staff('wants to begin again') })],
  [
    5,
    (who, day) =>
      happens(inOffice(day + 6), who, { resend: ['nurture', 'mistake-1'], ...staff('lost the first mail') }),
  ],
  [
    5,
    (who, day) =>
      happens(inOffice(day + 6), who, { cancel: ['nurture', 'mistake-4'], ...staff('has a new filter already') }),
  ],
  [
    4,
    (who, day) => {
      happens(inOffice(day + 5), who, { pause: 'nurture', ...staff('on holiday') })
      happens(inOffice(day + 19), who, { resume: 'nurture', shift: chance() < 0.5, ...staff('back from holiday') })
    },
  ],
  [
    3,
    (who, day) => {
      happens(inOffice(day + 7), who, { suppress: { until: null }, ...staff('complaint') })
      happens(day + 12 + chance(), who, FORM)
    },
  ],
  [2, (who, day) => happens(inOffice(day + 8), who, { stopAll: true, ...staff('moved to a flat') })],
  [12, (who, day) => happens(day + whole(2, 12) + chance(), who, FORM)],
  [6, (who, day) => happens(day + whole(35, 50) + chance(), who, FORM)],
  [
    30,
    (who, day) =>
      happens(day + whole(1, 20) + chance(), who, { signal: { kind: 'link-clicked', data: { link: 'shop' } } }),
  ],
  // Orders that do not fit the state of affairs: refused, or without effect.
  [2, (who, day) => happens(inOffice(day + 1), who, { resend: ['nurture', 'mistake-7'], ...staff('asked for more') })],
  [2, (who, day) => happens(inOffice(day + 1), who, { stop: 'onboarding', ...staff('asked by phone') })],
]

const askers = people.filter((_, i) => i % 10 !== 9)
askers.forEach((who) => {
  happens(chance() < 0.8 ? whole(0, 60) + chance() : whole(0, 88) + chance(), who, FORM)
})
const firstDay = new Map(happenings.map(({ contact, at }) => [contact, (Date.parse(at) - FIRST_DAY_MS) / DAY_MS]))

// Each story gets its own people, so that each can be read by itself; the rest just read their mail.
const free = askers.filter(({ id }) => id !== 'p-008')
for (const [count, story] of stories)
  for (let i = 0; i < count; i++) {
    const [who] = free.splice(whole(0, free.length - 1), 1) as [Person]
    story(who, firstDay.get(who.id) as number)
  }

// People who never asked for anything: a purchase by a non-member satisfies no members' goal.
for (const who of people.filter((_, i) => i % 70 === 69)) happens(whole(10, 80) + chance(), who, bought())

// One life with everything in it.
const p008 = people.find(({ id }) => id === 'p-008') as Person
const day = firstDay.get('p-008') as number
happens(inOffice(day + 4), p008, { start: 'nurture', ...staff('asked for the guide by phone') })
happens(inOffice(day + 6), p008, { resend: ['nurture', 'mistake-1'], ...staff('lost the first mail') })
happens(inOffice(day + 7), p008, { cancel: ['nurture', 'mistake-4'], ...staff('has a new filter already') })
happens(inOffice(day + 8), p008, { pause: 'nurture', ...staff('on holiday') })
happens(inOffice(day + 14), p008, { resume: 'nurture', shift: true, ...staff('back from holiday') })
happens(inOffice(day + 20), p008, { stop: 'nurture', ...staff('asked by phone') })
happens(day + 29.6, p008, FORM)
happens(day + 32.4, p008, { signal: { kind: 'purchased', data: { product: 'robot', pieces: 2, amount: 1280 } } })

happenings.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
const lines = happenings.map((one, i) => JSON.stringify({ id: `h-${String(i + 1).padStart(4, '0')}`, ...one }))
writeFileSync(join(FOLDER, 'happenings.jsonl'), `${lines.join('\n')}\n`)
