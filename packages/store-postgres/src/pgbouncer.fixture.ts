/**
 * For tests: a real PgBouncer in transaction mode, before a server. `ENFOLD_PGBOUNCER` names its program, because no package
 * brings one; without it these tests are left out.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PGBOUNCER = process.env.ENFOLD_PGBOUNCER

/** @param sessions how many of the server it has for everybody */
export async function startPgBouncer(program: string, server: string, sessions: number) {
  const { hostname, port, username, password, pathname } = new URL(server)
  const folder = mkdtempSync(join(tmpdir(), 'enfold-pgbouncer-'))
  const at = await freePort()
  const database = pathname.slice(1)
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
${database} = host=${hostname} port=${port} dbname=${database} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${at}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${sessions}
max_client_conn = 500
`,
  )
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const running = spawn(program, [...user, file], { stdio: 'ignore' })
  const ended = new Promise((resolve) => running.once('exit', resolve))
  while (!(await listens(at))) {
    if (running.exitCode !== null) throw new Error(`PgBouncer ended with ${running.exitCode}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url: Object.assign(new URL(server), { hostname: '127.0.0.1', port: String(at) }).href,
    async stop() {
      running.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
