/** Questions to the index: a page of a sequence's contacts, how many there are, all / any / none of tags. */
import { join } from 'node:path'
import { createTagIndex, type Members, type Page, type ReadModel, type TagChange, type TagQuery } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { Pool } from 'pg'
import { type Benchmark, type Given, type Measured, quantile, sizeOf, timed } from './benchmark.ts'
import { freshDatabase, urlOf } from './databases.ts'

const EVERYONE = 'bench/everyone'
const PAGE = 50

/** A whole number that looks drawn, the same for the same input. */
function drawn(seed: number): number {
  let x = Math.imul(seed + 0x9e3779b9, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** As long as a uuid, in no order, and in one piece, as what was read from a database is. */
function idOf(number: number): string {
  const id = `contact-${String(drawn(number)).padStart(10, '0')}-${String(number).padStart(17, '0')}`
  return Buffer.from(id, 'latin1').toString('latin1')
}

/** Each contact is in the one sequence that all are in, and in one of these. */
const spreadTags = Array.from({ length: 100 }, (_, number) => `bench/spread-${number}`)
const spreadTag = (number: number) => spreadTags[number % spreadTags.length] as string
const tagsOf = (number: number) => [EVERYONE, spreadTag(drawn(number))]

/** What a contender must answer. */
interface Index {
  members(tag: string, page: Page): Members | Promise<Members>
  search(query: TagQuery, page: Page): Members | Promise<Members>
  count(tag: string): number | Promise<number>
}

/** Slow contenders are asked less often: not more than so long for each kind of question, and four times at least. */
const BUDGET_MS = 400
const WARM_UP_MS = 100
const ASKED_BY_ALL = 4

async function ask(given: Given, index: Index, contacts: number) {
  const times = sizeOf(given, 'questions')
  let found = 0
  async function measure(question: (after: string, i: number) => number | Promise<number>): Promise<number[]> {
    const ms: number[] = []
    const beganAt = performance.now()
    for (let i = 0; i < times; i++) {
      if (i >= ASKED_BY_ALL && performance.now() - beganAt > BUDGET_MS) break
      const after = idOf(drawn(i) % contacts)
      const startedAt = performance.now()
      const answer = question(after, i)
      // A turn of the event loop is only for those who answer with a promise.
      const total = answer instanceof Promise ? await answer : answer
      ms.push(performance.now() - startedAt)
      if (i < ASKED_BY_ALL) found += total
    }
    return ms
  }
  const page = (after: string): Page => ({ after, limit: PAGE })
  const total = (members: Members | Promise<Members>) =>
    members instanceof Promise ? members.then((one) => one.total) : members.total
  const combined = (query: (i: number) => TagQuery) => measure((after, i) => total(index.search(query(i), page(after))))
  const pages = () => measure((after) => total(index.members(EVERYONE, page(after))))
  // The first questions of a process are slow for all: they find the code and the pages of the file cold.
  for (const warmUntil = performance.now() + WARM_UP_MS; performance.now() < warmUntil; ) await pages()
  found = 0
  const p99 = async (ms: Promise<number[]>) => quantile(await ms, 0.99)
  const paged = await pages()
  return {
    figures: {
      page: quantile(paged, 0.99),
      median: quantile(paged, 0.5),
      count: await p99(measure(() => index.count(EVERYONE))),
      all: await p99(combined((i) => ({ all: [EVERYONE, spreadTag(i)] }))),
      any: await p99(combined((i) => ({ any: [spreadTag(i), spreadTag(i + 1)] }))),
      none: await p99(combined((i) => ({ all: [EVERYONE], none: [spreadTag(i), spreadTag(i + 1)] }))),
    },
    found,
  }
}

/** The same questions to a small index and to a large one. */
async function askBoth(
  given: Given,
  open: (size: 'small' | 'large') => Promise<Index & { close(): Promise<void>; figures?: Record<string, number> }>,
): Promise<Measured> {
  const figures: Record<string, number> = {}
  const work: Record<string, number> = {}
  for (const size of ['small', 'large'] as const) {
    const index = await open(size)
    const asked = await ask(given, index, sizeOf(given, size))
    await index.close()
    work[size] = asked.found
    if (size === 'small') figures.medianSmall = asked.figures.median
    else Object.assign(figures, asked.figures, index.figures)
  }
  return { figures, work }
}

const schemaOf = (size: string) => `index_${size}`
const DATABASE = 'bench_index'

/** Into a store, through what a projection of an event log uses; sorted, because building it is not what is asked here. */
async function fill(model: ReadModel, contacts: number): Promise<void> {
  const numbers = Array.from({ length: contacts }, (_, number) => number).sort((a, b) => drawn(a) - drawn(b))
  for (let first = 0; first < contacts; first += 1000) {
    const changes = numbers.slice(first, first + 1000).map((number) => {
      const contactId = idOf(number)
      const tags = tagsOf(number).map((tag): TagChange => ({ change: 'add', contactId, tag }))
      return { contactId, version: 1, derived: { tags, wakeAt: null } }
    })
    await model.apply(changes, first + changes.length)
    // SQLite blocks the process, in which the others wait for their servers.
    await new Promise(setImmediate)
  }
}

/** The table that a host would make: contact and sequence, with an index by contact. */
async function fillTable(pool: Pool, size: string, contacts: number): Promise<void> {
  const table = `plain_${size}`
  await pool.query(`CREATE TABLE ${table} (tag text COLLATE "C", contact text COLLATE "C")`)
  for (let first = 0; first < contacts; first += 10_000) {
    const numbers = Array.from({ length: Math.min(10_000, contacts - first) }, (_, i) => first + i)
    const rows = numbers.flatMap((number) => tagsOf(number).map((tag) => [tag, idOf(number)] as const))
    await pool.query(`INSERT INTO ${table} SELECT * FROM unnest($1::text[], $2::text[])`, [
      rows.map(([tag]) => tag),
      rows.map(([, contact]) => contact),
    ])
  }
  await pool.query(`ALTER TABLE ${table} ADD PRIMARY KEY (tag, contact)`)
  await pool.query(`CREATE INDEX ON ${table} (contact)`)
  await pool.query(`VACUUM ANALYZE ${table}`)
}

/** The queries that one would write by hand for a page with its total. */
function plainIndex(pool: Pool, size: string): Index {
  const table = `plain_${size}`
  const page = async (where: string, values: readonly unknown[], { after, limit }: Page): Promise<Members> => {
    const contacts = await pool.query<{ contact: string }>({
      name: `${size} page ${where}`,
      text: `SELECT DISTINCT contact FROM ${table} m WHERE ${where} AND contact > $1 ORDER BY contact LIMIT $2`,
      values: [after ?? '', limit, ...values],
    })
    const total = await pool.query<{ n: string }>({
      name: `${size} total ${where}`,
      text: `SELECT count(DISTINCT contact) AS n FROM ${table} m WHERE ${where} AND $1::text IS NOT NULL AND $2::int > 0`,
      values: [after ?? '', limit, ...values],
    })
    return { contacts: contacts.rows.map(({ contact }) => contact), total: Number(total.rows[0]?.n), next: null }
  }
  return {
    members: (tag, at) => page('tag = $3', [tag], at),
    async count(tag) {
      const text = `SELECT count(*) AS n FROM ${table} WHERE tag = $1`
      const { rows } = await pool.query<{ n: string }>({ name: `${size} count`, text, values: [tag] })
      return Number(rows[0]?.n)
    },
    search({ all = [], any = [], none = [] }, at) {
      const has = (tags: string) => `EXISTS (SELECT FROM ${table} o WHERE o.contact = m.contact AND o.tag = ${tags})`
      if (any.length > 0) return page('tag = ANY($3)', [any], at)
      const [first, ...others] = [...all].reverse()
      const where = [
        'tag = $3',
        ...others.map((_, i) => has(`$${i + 4}`)),
        ...(none.length === 0 ? [] : [`NOT ${has(`ANY($${others.length + 4})`)}`]),
      ]
      return page(where.join(' AND '), [first, ...others, ...(none.length === 0 ? [] : [none])], at)
    },
  }
}

function heapNow(): number {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc.')
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export const indexBenchmark: Benchmark = {
  name: 'index',
  what: 'one sequence with {large} contacts (and one with {small}), who are in one of a hundred others each: a page of 50 after a random contact with its total, the count, and all, any and none of two tags; p99 of {questions} questions of each kind, or of as many as fit into 0.4 seconds',
  full: { small: 10_000, large: 300_000, questions: 200 },
  quick: { small: 200, large: 400, questions: 20 },
  figures: {
    page: { title: 'page', unit: 'ms', better: 'less' },
    median: { title: 'page, median', unit: 'ms', better: 'less' },
    medianSmall: { title: 'page of the small one, median', unit: 'ms', better: 'less' },
    count: { title: 'count', unit: 'ms', better: 'less' },
    all: { title: 'all', unit: 'ms', better: 'less' },
    any: { title: 'any', unit: 'ms', better: 'less' },
    none: { title: 'none', unit: 'ms', better: 'less' },
    build: { title: 'the one sequence built', unit: 'memberships/s', better: 'more' },
    bytes: { title: 'memory of the one sequence', unit: 'bytes a membership', better: 'less' },
  },
  async prepare(given) {
    const url = await freshDatabase(given.postgres, DATABASE)
    const pool = new Pool({ connectionString: url, max: 1 })
    for (const size of ['small', 'large']) {
      const contacts = sizeOf(given, size)
      const sqlite = createSqliteStore({ path: join(given.folder, `${size}.db`), synchronous: 'NORMAL' })
      const postgres = createPostgresStore({ connectionString: url, schema: schemaOf(size) })
      await Promise.all([fill(sqlite, contacts), fill(postgres, contacts), fillTable(pool, size, contacts)])
      await sqlite.close()
      await postgres.close()
    }
    await pool.query('VACUUM ANALYZE')
    await pool.end()
  },
  contenders: {
    memory: {
      title: 'Enfold in memory',
      run: (given) =>
        askBoth(given, async (size) => {
          const contacts = sizeOf(given, size)
          const before = heapNow()
          const index = createTagIndex()
          const addAll = (tagOf: (number: number) => string) =>
            timed(() => {
              for (let number = 0; number < contacts; number++)
                index.apply([{ change: 'add', contactId: idOf(number), tag: tagOf(number) }])
            })
          const [seconds] = await addAll(() => EVERYONE)
          const figures = { build: contacts / seconds, bytes: (heapNow() - before) / contacts }
          await addAll((number) => spreadTag(drawn(number)))
          return { ...index, figures, close: async () => {} }
        }),
    },
    sqlite: {
      title: 'Enfold on SQLite',
      run: (given) =>
        askBoth(given, async (size) => createSqliteStore({ path: join(given.folder, `${size}.db`), readOnly: true })),
    },
    postgres: {
      title: 'Enfold on PostgreSQL',
      needs: 'postgres',
      run: (given) =>
        askBoth(given, async (size) =>
          createPostgresStore({ connectionString: urlOf(given.postgres, DATABASE), schema: schemaOf(size) }),
        ),
    },
    plain: {
      title: 'a table of PostgreSQL, queried by hand; one round',
      once: true,
      needs: 'postgres',
      run: (given) =>
        askBoth(given, async (size) => {
          const pool = new Pool({ connectionString: urlOf(given.postgres, DATABASE) })
          return { ...plainIndex(pool, size), close: () => pool.end() }
        }),
    },
  },
  wanted: [
    { text: 'in memory, page p99 in ms', figure: 'page', of: 'memory', atMost: 1 },
    { text: 'SQLite, page p99 in ms', figure: 'page', of: 'sqlite', atMost: 5 },
    { text: 'PostgreSQL, page p99 in ms', figure: 'page', of: 'postgres', atMost: 5 },
    {
      text: 'in memory, median page, of that of the small one',
      figure: 'median',
      of: 'memory',
      over: ['memory'],
      overFigure: 'medianSmall',
      atMost: 1.3,
    },
    {
      text: 'SQLite, median page, of that of the small one',
      figure: 'median',
      of: 'sqlite',
      over: ['sqlite'],
      overFigure: 'medianSmall',
      atMost: 1.3,
    },
    { text: 'in memory, bytes a membership', figure: 'bytes', of: 'memory', atMost: 120 },
  ],
}
