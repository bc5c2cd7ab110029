/** Adds Enfold to a project that there is: looks, decides, writes what is new, and says so. */
import { resolve } from 'node:path'
import { choose, type Flags } from './choose.ts'
import { detect } from './detect.ts'
import { plan } from './plan.ts'
import { report } from './report.ts'
import { compare, writeNew } from './write.ts'

export interface InitOptions extends Flags {
  /** The folder of the project. Default: the current one. */
  readonly root?: string | undefined
  /** Only says what it would write. */
  readonly dryRun?: boolean | undefined
}

/**
 * @returns what to tell the person
 * @throws InitError before anything is written, if the project cannot be used or a choice is needed
 */
export function init({ root = '.', dryRun = false, ...flags }: InitOptions = {}): string {
  const choice = choose(detect(resolve(root)), flags)
  const compared = compare(choice.project.root, plan(choice))
  if (!dryRun) writeNew(choice.project.root, compared)
  return report(choice, compared, dryRun)
}
