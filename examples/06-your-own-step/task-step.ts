/** A kind of step of your own: `task` puts a task on somebody's list, once, however often the step is tried. */
import { DatabaseSync } from 'node:sqlite'
import type { StepHandler } from 'enfold'

export interface Task {
  readonly contact: string
  readonly title: string
}

export function createTaskList(path: string) {
  const database = new DatabaseSync(path)
  database.exec(
    'CREATE TABLE IF NOT EXISTS tasks (key TEXT PRIMARY KEY, contact TEXT NOT NULL, title TEXT NOT NULL) STRICT',
  )
  // The same key for every attempt at this sending: a repeat finds its row, and changes nothing.
  const insert = database.prepare('INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING')

  const task: StepHandler = ({ contactId, step, idempotencyKey }) => {
    const { title } = step.params
    // No retry will fix that; `onFailure` of the step says how the sequence goes on.
    if (typeof title !== 'string') return { outcome: 'failed', reason: 'no-title', permanent: true }
    insert.run(idempotencyKey, contactId, title)
    return { outcome: 'sent' }
  }

  return {
    task,
    all: () => database.prepare('SELECT contact, title FROM tasks ORDER BY rowid').all() as unknown as Task[],
    close: () => database.close(),
  }
}
