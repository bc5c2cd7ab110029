import { expect, it } from 'vitest'
import { createOwnPool, loadDriver } from './driver.ts'

const missing = (name: string, code = 'ERR_MODULE_NOT_FOUND') =>
  Object.assign(new Error(`Cannot find package '${name}' imported from /srv/app/node_modules/x/index.js`), { code })

it.each([
  ['import', missing('pg')],
  ['require', Object.assign(new Error("Cannot find module 'pg'\nRequire stack:\n- x"), { code: 'MODULE_NOT_FOUND' })],
])('a host without pg is told what to install: %s', async (_, error) => {
  const pool = createOwnPool({}, () => loadDriver(() => Promise.reject(error)))
  const fault = {
    name: 'EnfoldFault',
    code: 'DRIVER_MISSING',
    message: 'To connect to PostgreSQL, Enfold needs the package pg, which is not installed: npm install pg',
    cause: error,
  }
  await expect(pool.connect()).rejects.toMatchObject(fault)
  await expect(pool.end()).resolves.toBeUndefined()
})

it('what pg itself lacks is not taken for pg', async () => {
  const error = missing('pg-types')
  await expect(loadDriver(() => Promise.reject(error))).rejects.toBe(error)
})
