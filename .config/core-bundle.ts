/** The suite of core runs against a built bundle as well: its tests import `@enfold/core` by name for that reason. */
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../packages/core/dist/', import.meta.url))

/** Sends every import of core to its bundle, which `pnpm build` has made. */
export const bundledCore = (extension: 'js' | 'cjs') => [
  { find: /^@enfold\/core$/, replacement: `${dist}index.${extension}` },
  { find: /^@enfold\/core\/(log|store)$/, replacement: `${dist}$1.${extension}` },
]
