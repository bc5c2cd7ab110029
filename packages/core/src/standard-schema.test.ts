import { checkedBy, type InputOf, type OutputOf, standardSchema } from '@enfold/core'
import Type, { type Static } from 'typebox'
import { describe, expect, expectTypeOf, it } from 'vitest'

const Params = Type.Object(
  { template: Type.String(), copies: Type.Optional(Type.Integer({ minimum: 1 })) },
  { additionalProperties: false },
)
const params = standardSchema<Static<typeof Params>>(Params)

describe('a Standard Schema of a JSON Schema', () => {
  it('a schema is of the type that it was told, and gives back the value itself', async () => {
    expectTypeOf<InputOf<typeof params>>().toEqualTypeOf<{ template: string; copies?: number }>()
    expectTypeOf<OutputOf<typeof params>>().toEqualTypeOf<InputOf<typeof params>>()
    const value = { template: 'welcome' }
    expect(await checkedBy(params, value)).toEqual({ value, problems: null })
    expect(params['~standard']).toMatchObject({ version: 1, vendor: 'enfold' })
  })

  it.each<[unknown, string[]]>([
    [{ template: 'welcome', copies: 0 }, ['/copies']],
    [{ template: 7 }, ['/template']],
    [{}, ['/template']],
    [{ template: 'welcome', 'a/b': 1 }, ['/a~1b']],
    ['welcome', ['']],
  ])('each place is named where %j is wrong', async (value, paths) => {
    const { problems } = await checkedBy(params, value)
    expect([...new Set(problems?.map(({ path }) => path))]).toEqual(paths)
  })

  it('a schema that says no, and not why, is heard', async () => {
    const silent = { '~standard': { version: 1, vendor: 'mine', validate: () => ({ issues: [] }) } } as const
    expect(await checkedBy(silent, 1)).toEqual({ problems: [{ path: '', message: 'is not valid' }] })
  })
})
