import { defineCampaign } from '@enfold/core'
import { expect, it } from 'vitest'

it.each([
  ['/timer/after', { timer: { after: 3600 } }, 3600],
  ['/expiresAfter', { expiresAfter: 5 }, 5],
])('VERSION-2: a number in place of a duration at %s names the form', (place, step, value) => {
  const steps = [{ id: 'one', kind: 'email', ...step }]
  expect(defineCampaign({ id: 'c', goals: [], sequences: [{ id: 's', steps }] })).toMatchObject({
    _tag: 'Left',
    left: {
      problems: [
        {
          path: `/sequences/0/steps/0${place}`,
          message: `is ${value}; expected a text such as "PT1H" (an hour), "PT30M" or "P3D": a number has no unit`,
        },
      ],
    },
  })
})
