/** What can be chosen, by which packages it is known in a project, and how it is called. */

export interface Known {
  /** As people call it. */
  readonly title: string
  /** Packages of which a project has at least one. */
  readonly packages: readonly string[]
}

export interface KnownOrm extends Known {
  /** What a transaction goes through, of `enfold/postgres`; `null`: it is a client already. */
  readonly adapter: string | null
  /** What the host writes to begin one, and what its transaction is called there. */
  readonly begins: string
  readonly transaction: string
}

/** In the order in which they are shown. The drivers `pg` and `postgres` count where there is nothing above them. */
export const ORMS = {
  prisma: {
    title: 'Prisma',
    packages: ['@prisma/client', 'prisma'],
    adapter: 'fromPrisma',
    begins: 'prisma.$transaction(async (tx) => …)',
    transaction: 'tx',
  },
  drizzle: {
    title: 'Drizzle',
    packages: ['drizzle-orm'],
    adapter: 'fromDrizzle',
    begins: 'db.transaction(async (tx) => …)',
    transaction: 'tx',
  },
  typeorm: {
    title: 'TypeORM',
    packages: ['typeorm'],
    adapter: 'fromTypeOrm',
    begins: 'dataSource.transaction(async (manager) => …)',
    transaction: 'manager',
  },
  knex: {
    title: 'Knex',
    packages: ['knex'],
    adapter: 'fromKnex',
    begins: 'knex.transaction(async (trx) => …)',
    transaction: 'trx',
  },
  kysely: {
    title: 'Kysely',
    packages: ['kysely'],
    adapter: 'fromKysely',
    begins: 'db.transaction().execute(async (trx) => …)',
    transaction: 'trx',
  },
  mikroorm: {
    title: 'MikroORM',
    packages: ['@mikro-orm/core', '@mikro-orm/postgresql'],
    adapter: 'fromMikroOrm',
    begins: 'orm.em.transactional(async (em) => …)',
    transaction: 'em',
  },
  sequelize: {
    title: 'Sequelize',
    packages: ['sequelize'],
    adapter: 'fromSequelize',
    begins: 'sequelize.transaction(async (transaction) => …)',
    transaction: 'transaction',
  },
  pg: {
    title: 'pg',
    packages: ['pg'],
    adapter: null,
    begins: "await client.query('BEGIN')",
    transaction: 'client',
  },
  'postgres.js': {
    title: 'postgres.js',
    packages: ['postgres'],
    adapter: 'fromPostgresJs',
    begins: 'sql.begin(async (sql) => …)',
    transaction: 'sql',
  },
} as const satisfies Readonly<Record<string, KnownOrm>>

export const FRAMEWORKS = {
  nest: { title: 'NestJS', packages: ['@nestjs/core'] },
  next: { title: 'Next.js', packages: ['next'] },
  fastify: { title: 'Fastify', packages: ['fastify'] },
  express: { title: 'Express', packages: ['express'] },
  hono: { title: 'Hono', packages: ['hono'] },
} as const satisfies Readonly<Record<string, Known>>

export const RUNNERS = {
  vitest: { title: 'vitest', packages: ['vitest'] },
  jest: { title: 'jest', packages: ['jest', 'ts-jest', '@swc/jest'] },
} as const satisfies Readonly<Record<string, Known>>

export type OrmName = keyof typeof ORMS
/** "none": nothing that speaks to PostgreSQL, so the events go into a SQLite file. */
export type Orm = OrmName | 'none'
/** "none": a server of `node:http`. */
export type Framework = keyof typeof FRAMEWORKS | 'none'
/** "node": `node:test`. */
export type Runner = keyof typeof RUNNERS | 'node'

const namesOf = <K extends string>(known: Readonly<Record<K, unknown>>) => Object.keys(known) as K[]

export const ORM_NAMES: readonly Orm[] = [...namesOf(ORMS), 'none']
export const FRAMEWORK_NAMES: readonly Framework[] = [...namesOf(FRAMEWORKS), 'none']
export const RUNNER_NAMES: readonly Runner[] = [...namesOf(RUNNERS), 'node']

/** Those of which the project has a package, in the order of the table. */
export function foundIn<K extends string>(known: Readonly<Record<K, Known>>, has: ReadonlySet<string>): K[] {
  return namesOf(known).filter((name) => known[name].packages.some((one) => has.has(one)))
}
