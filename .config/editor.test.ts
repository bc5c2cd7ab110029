/** What an editor says of a type that is made from a schema. Types of TypeBox are not read: nothing may depend on them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const PROBE = join(import.meta.dirname, '../packages/core/src/probe-of-the-editor.ts')

/** Hovers over each name that a `^` stands before. */
function hovered(code: string): { readonly shown: string; readonly says: string }[] {
  const text = code.replaceAll('^', '')
  const options: ts.CompilerOptions = {
    strict: true,
    lib: ['lib.es5.d.ts'],
    types: [],
    allowImportingTsExtensions: true,
  }
  const read = (file: string) => (file === PROBE ? text : existsSync(file) ? readFileSync(file, 'utf8') : undefined)
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [PROBE],
    getScriptVersion: () => '1',
    getScriptSnapshot(file) {
      const content = read(file)
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content)
    },
    getCurrentDirectory: () => import.meta.dirname,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (file) => read(file) !== undefined,
    readFile: read,
    resolveModuleNameLiterals: (literals, from) =>
      literals.map((literal) => ({
        resolvedModule: literal.text.startsWith('.')
          ? { resolvedFileName: join(from, '..', literal.text), extension: ts.Extension.Ts }
          : undefined,
      })),
  })
  const places = [...code.matchAll(/\^/g)].map((match, before) => match.index - before)
  return places.map((place) => {
    const info = service.getQuickInfoAtPosition(PROBE, place)
    return { shown: ts.displayPartsToString(info?.displayParts), says: ts.displayPartsToString(info?.documentation) }
  })
}

describe('an editor', () => {
  it('an editor shows the members of an event and what their docstrings say', () => {
    const [data, reason, timing, key, dueAt] = hovered(`
      import type { ContactEventOf } from './events.ts'
      declare const skipped: ContactEventOf<'StepSkipped'>
      skipped.^data.^reason
      skipped.data.^timing
      skipped.data.^key
      skipped.data.timing!.^dueAt
    `)
    expect(data?.shown).toContain('readonly stepId: StepId;')
    expect(data?.shown).not.toContain('Schema')
    expect(reason).toEqual({
      shown: '(property) reason: string',
      says: "One of the engine's (`REASONS`), or the handler's.",
    })
    expect(timing?.shown).toBe('(property) timing: Timing | null')
    expect(key?.shown).toBe('(property) key?: string | undefined')
    expect(key?.says).toContain('(KEY-1)')
    expect(dueAt?.shown).toBe('(property) dueAt: Instant')
    expect(dueAt?.says).toContain('(TIME-3)')
  })

  it('an editor shows the parts of a campaign definition, and checks the routes of a typed one', () => {
    const [next, to, timer, at, condition] = hovered(`
      import type { CampaignDefinition, GoalDefinition, StepDefinition, AfterDaysTimer } from './definition.ts'
      declare const goal: GoalDefinition<'welcome'>
      goal.^next
      const route = goal.next![0]
      if (typeof route !== 'string') route.^to
      declare const step: StepDefinition
      step.^timer
      declare const days: AfterDaysTimer
      days.^at
      step.^if
    `)
    expect(next).toEqual({
      shown: '(property) next?: readonly Route<"welcome">[] | undefined',
      says: 'Default []: an exit (GOAL-8).',
    })
    expect(to?.shown).toBe('(property) to: "welcome"')
    expect(timer?.shown).toBe('(property) timer?: Timer | undefined')
    expect(at?.says).toContain('A wall time')
    expect(condition?.shown).toBe('(property) if?: Condition | undefined')
  })
})
