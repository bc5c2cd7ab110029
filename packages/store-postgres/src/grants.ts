/** What a role needs to work with a schema, and no more: a role that has only this cannot change what is recorded. */
import { EnfoldFault } from '@enfold/core'

/**
 * SQL for the owner of the schema to run once it is there, and after each release that migrates it. The role may append
 * through the one function that does so, read the log, and change the index and the agenda, which can be rebuilt. It may
 * not insert, change or delete an event by itself. Open its stores with `migrate: false`.
 *
 * @throws EnfoldFault `INVALID_INPUT` for names that PostgreSQL does not take
 * @example
 * await ownersPool.query(grantsFor('crm_app'))
 */
export function grantsFor(role: string, schema = 'enfold'): string {
  const to = quoted('grantsFor.role', role)
  const s = quoted('grantsFor.schema', schema)
  const functions = [
    'append',
    'append_around_locks',
    'append_known',
    'project',
    'project_key',
    'sum_tag_counts',
    'apply',
    'restore',
    'lanes',
    'besides',
    'claim_due',
    'save_action',
    'read_events',
    'lock_class',
    'required_class',
    'expecting',
    'requiring',
    'is_current',
    'sum_counters',
    'counters_apart',
    'count_appended',
    'count_batch',
    'correct_counters',
    'counters_at',
    'read_tails',
    'keep_states',
    'keep_appended',
    'keep_applied',
    'keep_restored',
  ]
  return [
    `REVOKE ALL ON SCHEMA ${s} FROM PUBLIC, ${to}`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${s} FROM PUBLIC, ${to}`,
    `REVOKE ALL ON ALL SEQUENCES IN SCHEMA ${s} FROM PUBLIC, ${to}`,
    `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${s} FROM PUBLIC, ${to}`,
    `GRANT USAGE ON SCHEMA ${s} TO ${to}`,
    `GRANT SELECT ON ${s}.migrations, ${s}.events, ${s}.positions, ${s}.states TO ${to}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.tags, ${s}.memberships, ${s}.membership_keys, ${s}.tag_counts, ${s}.agenda, ${s}.counters, ${s}.counters_state, ${s}.actions, ${s}.action_contacts TO ${to}`,
    `GRANT SELECT, UPDATE ON ${s}.checkpoint TO ${to}`,
    ...functions.map((name) => `GRANT EXECUTE ON FUNCTION ${s}.${name} TO ${to}`),
  ]
    .map((statement) => `${statement};\n`)
    .join('')
}

function quoted(path: string, name: string): string {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= 63 && !name.includes('\u0000'))
    return `"${name.replaceAll('"', '""')}"`
  throw EnfoldFault.invalidInput(path, name, 'a name of 1 to 63 bytes')
}
