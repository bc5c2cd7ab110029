/**
 * The campaign that `enfold dev` shows where none is named: that of `examples/pool-owners`, with its mails as texts of the
 * steps, so that it works from an installed package.
 */
import { campaign } from '@enfold/core'

/** Subject and text of each mail, as the templates of the example have them. */
const MAILS = {
  'mistake-1': {
    subject: 'Mistake 1: filling first, testing later',
    text: `Hello {{name}},

thank you for asking for our guide. One mistake a mail, seven in all, and each can be put right in an afternoon.

The first is the commonest: the pool is filled, it looks clear, and nobody tests the water before the first swim. Clear water can still be sour enough to eat the heater. Test pH before anything else goes in; between 7.2 and 7.6 everything that you add later works as it should.

A strip costs less than a coffee. A heater does not.

Until in a few days,
Marta, Bluewater Pools`,
  },
  'mistake-2': {
    subject: 'Mistake 2: the pump that sleeps too long',
    text: `Hello {{name}},

a pump that runs four hours a day saves power and buys algae. Water that stands still is warm, and what lives in it likes both.

Rule of thumb: in summer, one hour of pump for every 5 °F above 50. At 85 °F that makes seven hours, and you may split them.

Next time: the thing that everybody throws in and nobody measures.

Marta, Bluewater Pools`,
  },
  'mistake-3': {
    subject: 'Mistake 3: chlorine by feel',
    text: `Hello {{name}},

"It smells of chlorine, so there is enough." It is the other way round: the smell is spent chlorine, and a pool that smells needs more, not less.

Measure the free chlorine, keep it between 1 and 3 ppm, and add it in the evening: the sun takes half of it within an hour.

Marta, Bluewater Pools`,
  },
  'mistake-4': {
    subject: 'Mistake 4: a clean pool with a dirty filter',
    text: `Hello {{name}},

the filter is the one part that nobody sees and everything passes through. When its gauge stands 8 to 10 psi above where it stood after the last cleaning, it is time to backwash; not sooner, because a slightly dirty filter catches finer dirt than a new one.

Write the clean pressure on the housing with a felt pen. That is the whole trick.

Marta, Bluewater Pools`,
  },
  'mistake-5': {
    subject: 'Mistake 5: brushing only what you can see',
    text: `Hello {{name}},

algae begin where the water does not move: around the ladder, under the lights, on the shady side of the steps. By the time the floor is green they have lived there for a week.

Five minutes of brush in the corners every Friday are worth more than any algaecide.

Marta, Bluewater Pools`,
  },
  'mistake-6': {
    subject: 'Mistake 6: topping up and forgetting the rest',
    text: `Hello {{name}},

what evaporates is water; what stays is everything that was in it. After a dry summer of topping up, the hardness has doubled and the tiles go white.

Test hardness once a season. If it is above 400 ppm, let a third of the water go and fill up fresh. It feels wasteful. Sanding tiles feels worse.

Marta, Bluewater Pools`,
  },
  'mistake-7': {
    subject: 'Mistake 7: doing all of this yourself',
    text: `Hello {{name}},

the last mistake is to spend your Saturdays on the other six. Our robot brushes the corners, moves the water and tells you the pH, every night, while you sleep. Two years of guarantee, and we take it back within thirty days.

It is in the shop until the end of the season. If you would rather keep the brush: you now know all that we know.

Marta, Bluewater Pools`,
  },
  'vip-letter': {
    subject: 'From the owner: thank you',
    text: `Dear {{name}},

you have been with us for longer than most, and now the robot, too. I look after a few customers myself, and I should like you to be one of them: in the next days I will call you and hear what your pool needs this season.

Should anything come up before that, answer this mail. It comes to me.

Jon Larsen, owner of Bluewater Pools`,
  },
  welcome: {
    subject: 'Your robot is on its way',
    text: `Hello {{name}},

thank you for your order. The robot comes charged; put it in the water, press the one button it has, and leave it alone for three hours.

The first run takes longest, because it learns the shape of your pool.

Bluewater Pools`,
  },
  'first-week': {
    subject: 'A week with the robot: empty the basket',
    text: `Hello {{name}},

after a week the basket is full, even if the pool looks as clean as ever. Lift the lid, turn the basket left, rinse it under the tap. Once a week from now on.

Bluewater Pools`,
  },
  'ask-review': {
    subject: 'Would you tell others?',
    text: `Hello {{name}},

this mail is not finished yet, which is why its step is a draft and nobody gets it.`,
  },
  'first-month': {
    subject: 'A month with the robot: what it has found out',
    text: `Hello {{name}},

four weeks of readings are enough to tell a habit from an accident. Press the button for three seconds: green means that your water kept its pH, yellow that it drifted. If it is yellow, answer this mail with the two numbers on the display and we tell you what to add.

Bluewater Pools`,
  },
  greeting: {
    subject: 'Happy birthday from the pool shop',
    text: `Happy birthday, {{name}}!

A litre of clarifier waits for you at the counter. No code, no minimum; just say that it is your birthday.

Bluewater Pools`,
  },
}

function mail(template: keyof typeof MAILS) {
  const { subject, text } = MAILS[template]
  const paragraphs = text.split('\n\n').map((paragraph) => `<p>${paragraph.replaceAll('\n', '<br>')}</p>`)
  const html = `<body style="font: 17px/1.55 Georgia, serif; color: #223; max-width: 34em; margin: 2em auto; padding: 0 1em">
<h2 style="color: #14614f">Bluewater Pools</h2>
${paragraphs.join('\n')}
</body>`
  return { kind: 'email', params: { template, subject, text, html } }
}

/** Sent in the morning of a weekday; one that is two days late is skipped. */
function mistake<N extends 2 | 3 | 4 | 5 | 6 | 7>(n: N, afterDays: number) {
  const window = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '11:00' } as const
  const id = `mistake-${n}` as const
  return { id, ...mail(id), timer: { afterDays, at: '08:00', window }, expiresAfter: 'P2D' }
}

export const poolOwners = campaign({
  id: 'pool-owners',
  name: '7 Mistakes Pool Owners Make',
  timeZone: 'America/Chicago',
  fields: { birthday: { private: true } },
  goals: [
    {
      id: 'asked',
      name: 'Asked for the guide',
      when: { kind: 'form-submitted', match: { form: 'pool-guide' } },
      next: ['nurture'],
    },
    {
      id: 'bought',
      name: 'Bought the robot',
      when: [
        { kind: 'purchased', match: { product: 'robot' } },
        { kind: 'stage-moved', match: { stage: 'won' } },
      ],
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
    { id: 'leave', name: 'Wants no more mail', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } }, next: [] },
  ],
  sequences: [
    {
      id: 'nurture',
      name: 'Seven mistakes',
      steps: [
        { id: 'mistake-1', ...mail('mistake-1') },
        mistake(2, 2),
        mistake(3, 3),
        mistake(4, 3),
        mistake(5, 4),
        mistake(6, 4),
        mistake(7, 5),
      ],
      next: ['bought', 'leave'],
    },
    {
      id: 'vip',
      name: 'A word from the owner',
      steps: [
        { id: 'vip-letter', ...mail('vip-letter'), timer: { after: 'PT2H' } },
        {
          id: 'vip-call',
          kind: 'task',
          timer: { afterWeekdays: 2, at: '10:00' },
          params: { text: 'Call, say thank you, offer the spring service.' },
          onFailure: 'hold',
        },
      ],
      next: ['onboarding', 'leave'],
    },
    {
      id: 'onboarding',
      name: 'The first month with the robot',
      onGoal: 'runToCompletion',
      steps: [
        { id: 'welcome', ...mail('welcome'), timer: { after: 'PT10M' } },
        {
          id: 'first-week',
          ...mail('first-week'),
          timer: { afterDays: 7, at: '08:00', window: { from: '08:00', to: '11:00' } },
        },
        { id: 'ask-review', ...mail('ask-review'), draft: true },
        {
          id: 'first-month',
          ...mail('first-month'),
          timer: { afterDays: 21, at: '08:00', window: { from: '08:00', to: '11:00' } },
        },
      ],
      next: ['birthday'],
    },
    {
      id: 'birthday',
      name: 'A present once',
      steps: [
        {
          id: 'greeting',
          ...mail('greeting'),
          timer: { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next' },
        },
      ],
      next: ['leave'],
    },
  ],
})
