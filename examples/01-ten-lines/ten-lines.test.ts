import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const readme = readFileSync(here('../../README.md'), 'utf8')
const block = (language: string) => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(readme)?.[1]

describe('given the first screen of the README', () => {
  it('README: its code is this example, word for word', () => {
    expect(block('ts')).toBe(readFileSync(here('ten-lines.ts'), 'utf8'))
  })

  it('README: when it is run, it prints what the README says', () => {
    const printed = execFileSync(process.execPath, [here('ten-lines.ts')], { encoding: 'utf8' })
    expect(printed).toBe(block('text'))
  })
})
