/** Which statements steer a transaction: one that is read wrongly loses what it wrote. */
import { describe, expect, it } from 'vitest'
import { readStatement } from './in-process-statement.ts'

describe('a statement in a transaction', () => {
  it.each([
    ['BEGIN', 'begin'],
    ['start\ttransaction isolation level read committed', 'begin'],
    ['BEGIN IMMEDIATE TRANSACTION;', 'begin'],
    ['COMMIT', 'commit'],
    [' commit work ; ', 'commit'],
    ['END', 'commit'],
    ['end transaction', 'commit'],
    ['COMMIT AND NO CHAIN', 'commit'],
    ['/* x /* nested; */ y */ COMMIT -- ROLLBACK', 'commit'],
    ['-- ROLLBACK;\nCOMMIT', 'commit'],
    ['COMMIT/**/WORK', 'commit'],
    ['rollback', 'rollback'],
    ['ABORT WORK', 'rollback'],
    ['ROLLBACK TRANSACTION', 'rollback'],
  ])('%j begins or ends it', (text, does) => {
    expect(readStatement(text)).toEqual({ does })
  })

  it.each([
    ['SAVEPOINT A', 'savepoint', 'a'],
    ['savepoint "A ""b"";c"', 'savepoint', 'A "b";c'],
    ['SAVEPOINT `x`', 'savepoint', 'x'],
    ['ROLLBACK TO a', 'rollback to', 'a'],
    ['ROLLBACK WORK TO SAVEPOINT a;', 'rollback to', 'a'],
    ['rollback transaction to savepoint /* x */ Größe_1', 'rollback to', 'größe_1'],
    ['RELEASE a', 'release', 'a'],
    ['RELEASE SAVEPOINT savepoint', 'release', 'savepoint'],
  ])('%j is about a savepoint', (text, does, name) => {
    expect(readStatement(text)).toEqual({ does, name })
  })

  it.each([
    ['', ''],
    ["INSERT INTO t VALUES ('a; COMMIT', E'it\\'s; COMMIT', $1); -- ; COMMIT", 'INSERT'],
    ['DO $$ BEGIN PERFORM 1; END $$', 'DO'],
    ['DO $x$ BEGIN PERFORM $$;$$; END; $x$; SELECT 1', 'DO'],
    ['CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END', 'CREATE'],
    ['SELECT "commit" FROM t; UPDATE t SET a = 1', 'SELECT'],
    ['PREPARE p AS SELECT 1', 'PREPARE'],
    ['commitments', 'COMMITMENTS'],
    ['(SELECT 1)', ''],
  ])('%j does nothing to it', (text, word) => {
    expect(readStatement(text)).toEqual({ does: 'other', word })
  })

  it.each([
    'COMMIT AND CHAIN',
    'ROLLBACK AND CHAIN',
    "COMMIT PREPARED 'x'",
    "PREPARE TRANSACTION 'x'",
    'ROLLBACK TO',
    'ROLLBACK TO a b',
    'INSERT INTO t VALUES (1); COMMIT',
    'BEGIN; SAVEPOINT a',
    '/* /* */ COMMIT',
  ])('%j is refused, because it cannot be done here', (text) => {
    expect(() => readStatement(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining('Nothing was changed') }),
    )
  })
})
