/** For the tests of this package: a place for a database file that is gone when the test is over. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function givenPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-sqlite-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'campaigns.db')
}
