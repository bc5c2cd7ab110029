/** Databases of the runner's server: an empty one, or a copy of one that was prepared. */
import { Client, Pool } from 'pg'

/** The URL of a new database of this name. `template`: a database that nobody is connected to. */
export async function freshDatabase(server: string, name: string, template = 'template1'): Promise<string> {
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`)
  // What was copied is on the disk before anybody is measured.
  await client.query('CHECKPOINT')
  await client.end()
  return urlOf(server, name)
}

export function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

export async function queryNumber(url: string, sql: string): Promise<number> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const { rows } = await pool.query<{ n: string }>(sql)
  await pool.end()
  return Number(rows[0]?.n)
}
