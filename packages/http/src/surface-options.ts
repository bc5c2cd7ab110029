/** The options of the API and of the console, checked: none is accepted that is not known. */
import { EnfoldFault } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import type { Authorize } from './permissions.ts'
import type { OnError } from './shell.ts'

/** What every surface takes. */
export interface SurfaceOptions {
  readonly engine: Engine
  readonly authorize: Authorize
  readonly basePath?: string
  readonly onError?: OnError
}

export interface OptionRule {
  is(value: unknown): boolean
  readonly expected: string
  /** The value must not stand in a message. */
  readonly private?: boolean
}

export const FUNCTION: OptionRule = { is: (value) => typeof value === 'function', expected: 'a function' }

export const wholeNumberTo = (max: number): OptionRule => ({
  is: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max,
  expected: `a whole number from 1 to ${max}`,
})

/**
 * The options themselves.
 *
 * @param where the function that takes them, for messages
 * @param about how the surface is called, and where it might be mounted
 * @param own the rules of the options that only this surface has
 * @throws EnfoldFault `INVALID_INPUT` for an option that is unknown, missing or of another kind
 */
export function checkedOptions<Options extends SurfaceOptions>(
  where: string,
  about: { readonly surface: string; readonly mountedAt: string },
  options: Options,
  own: Readonly<Record<Exclude<keyof Options & string, keyof SurfaceOptions>, OptionRule>>,
): Options {
  const rules: ReadonlyMap<string, OptionRule> = new Map(Object.entries({ ...common(about), ...own }))
  const refused = (name: string, value: unknown, expected: string) =>
    EnfoldFault.invalidInput(`${where}.${name}`, value, expected)
  const given: ReadonlyMap<string, unknown> = new Map(Object.entries(options ?? {}))
  for (const name of given.keys()) if (!rules.has(name)) throw refused(name, undefined, [...rules.keys()].join(', '))
  for (const [name, rule] of rules) {
    const value = given.get(name)
    if (value === undefined && !NEEDED.has(name)) continue
    if (!rule.is(value)) throw refused(name, rule.private === true ? 'another value' : value, rule.expected)
  }
  return options
}

const NEEDED: ReadonlySet<string> = new Set<keyof SurfaceOptions>(['engine', 'authorize'])

function common({ mountedAt, surface }: { readonly surface: string; readonly mountedAt: string }) {
  return {
    engine: {
      is: (value) => typeof (value as Partial<Engine> | null | undefined)?.processAction === 'function',
      expected: 'an engine',
    },
    authorize: {
      ...FUNCTION,
      expected: `a function that says who sends a request, or null: there is no ${surface} that anybody may use`,
    },
    basePath: {
      is: (value) => typeof value === 'string' && /^(\/[\w.~-]+)*$/.test(value),
      expected: `"" or a path such as "${mountedAt}", with no / at its end`,
    },
    onError: FUNCTION,
  } satisfies Record<keyof SurfaceOptions, OptionRule>
}
