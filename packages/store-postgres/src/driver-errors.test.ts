/** What drivers and their wrappers throw, as faults: the right code, and nothing of the values that were sent. */

import { inspect } from 'node:util'
import { EnfoldFault } from '@enfold/core'
import { describe, expect, it } from 'vitest'
import { faultOf } from './faults.ts'
import { createPostgresStore } from './postgres-store.ts'

const SECRET = 'ann@people.example'

function serverError(code: string, more: object = {}): Error {
  return Object.assign(new Error('deadlock detected'), { code, severity: 'ERROR', ...more })
}

function failing(name: string, more: object): Error {
  const message = `Failed query: SELECT append($1) params: ${SECRET}`
  return Object.assign(new Error(message), { name, query: message, parameters: [SECRET], ...more })
}

/** The errors of drivers as they were seen, with the SQLSTATE where each keeps it. */
const wrappers: { readonly [driver: string]: (inner: Error & { code?: string }) => Error } = {
  pg: (inner) => inner,
  'Drizzle, Kysely plugins and MikroORM': (cause) => failing('DrizzleQueryError', { cause }),
  Sequelize: (inner) => failing('SequelizeDatabaseError', { parent: inner, original: inner, sql: SECRET }),
  TypeORM: (driverError) => failing('QueryFailedError', { driverError }),
  'Prisma with its engine': ({ code }) =>
    failing('PrismaClientKnownRequestError', { code: 'P2010', meta: { code, message: SECRET } }),
  'Prisma with a driver adapter': ({ code }) =>
    failing('PrismaClientKnownRequestError', {
      code: 'P2010',
      meta: {
        driverAdapterError: Object.assign(new Error('DriverAdapterError'), {
          cause: { kind: 'postgres', originalCode: code, originalMessage: SECRET },
        }),
      },
    }),
  'two wrappers in a ring': (inner) => {
    const outer = failing('Outer', {})
    return Object.assign(outer, { cause: failing('Inner', { cause: inner, original: outer }) })
  },
}

describe.each(Object.entries(wrappers))('an error of %s', (_, wrap) => {
  it.each([
    ['40P01', 'CONTENTION'],
    ['25P02', 'CONTENTION'],
    ['42501', 'STORE_READ_ONLY'],
    ['53100', 'STORE_FULL'],
    ['57P01', 'STORE_UNAVAILABLE'],
    ['22P02', 'STORE_UNAVAILABLE'],
  ])('an error with SQLSTATE %s is %s, and shows no value', (state, code) => {
    const fault = faultOf(wrap(serverError(state)), 'PostgreSQL') as EnfoldFault
    expect(fault).toBeInstanceOf(EnfoldFault)
    expect([fault.code, fault.details.sqlState]).toEqual([code, state])
    expect(fault.message).not.toContain(SECRET)
    expect(fault.message).not.toContain('Failed query')
    // All of it, however deep: a log of a fault includes its causes.
    expect(inspect(fault, { depth: 20, showHidden: true })).not.toContain(SECRET)
  })
})

describe('an error', () => {
  it.each([
    ['P2034', 'CONTENTION'],
    ['P2024', 'STORE_BUSY'],
    ['P1001', 'STORE_UNAVAILABLE'],
    ['P2028', 'CONTENTION'],
  ])("an error of Prisma's own, %s, is %s", (code, meant) => {
    expect(faultOf(failing('PrismaClientKnownRequestError', { code }), 'PostgreSQL')).toMatchObject({ code: meant })
  })

  it('an error of the network names the address and no more', () => {
    const refused = Object.assign(new Error(`connect to ${SECRET}`), {
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: 5432,
    })
    const fault = faultOf(refused, 'PostgreSQL') as EnfoldFault
    expect(fault.code).toBe('STORE_UNAVAILABLE')
    expect(fault.message).toContain('ECONNREFUSED 127.0.0.1:5432')
    expect(fault.message).not.toContain(SECRET)
    expect(faultOf(Object.assign(new Error('broken'), { code: 'EPIPE' }), 'PostgreSQL')).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('cannot be reached'),
    })
  })

  it.each([
    ['invalid input syntax for type integer: "secret"', '22P02', false],
    ['permission denied for table events', '42501', true],
    ['canceling statement due to statement timeout', '57014', true],
  ])('an error of the server, %s, is told where it holds names only', (message, code, told) => {
    const fault = faultOf(Object.assign(new Error(message), { code, severity: 'ERROR' }), 'PostgreSQL') as EnfoldFault
    expect(fault.message.includes(message)).toBe(told)
    expect(fault.message).toContain(code)
  })

  it('an error of options shows no connection string', () => {
    const connectionString = 'postgres://crm:sesame@db/crm'
    const both = () => createPostgresStore({ connectionString, pool: {} as never })
    expect(both).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(both).not.toThrow(/sesame/)
    expect(() => createPostgresStore({ pool: { password: 'sesame' } as never })).not.toThrow(/sesame/)
  })
})
