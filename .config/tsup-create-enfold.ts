/** As every package is built, with the texts of the templates in it. */
import type { Plugin } from 'esbuild'
import { defineConfig, type Options } from 'tsup'
import { asModule } from '../packages/create-enfold/src/collect-templates.ts'
import shared from './tsup.ts'

const withTemplates: Plugin = {
  name: 'templates',
  setup(build) {
    build.onLoad({ filter: /[\\/]collect-templates\.ts$/ }, () => ({ contents: asModule() }))
  },
}

export default defineConfig(
  (shared as readonly Options[]).map((options) => ({
    ...options,
    esbuildPlugins: [...(options.esbuildPlugins ?? []), withTemplates],
  })),
)
