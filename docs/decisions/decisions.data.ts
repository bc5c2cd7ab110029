/** The decisions in their order, read from their files when the site is built. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Decision {
  readonly number: string
  readonly title: string
  readonly link: string
}

declare const data: readonly Decision[]

export { data }

const folder = import.meta.dirname

export default {
  watch: ['./*.md'],
  load: (): readonly Decision[] =>
    readdirSync(folder)
      .filter((name) => /^\d{4}-.*\.md$/.test(name))
      .sort()
      .map((name) => {
        const heading = /^# (.+)$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? name
        return { number: name.slice(0, 4), title: heading.replace(/^\d+\.? /, ''), link: `./${name.slice(0, -3)}` }
      }),
}
