/** The site over `docs/`: what stands where, and what makes its build fail: dead links, dead anchors, missing code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { checkAnchors } from './anchors.ts'
import { linksOutOfTheSite } from './outside-links.ts'

const docs = fileURLToPath(new URL('..', import.meta.url))

/** The title of a page is its first heading; a page that is not there is left out of the sidebar. */
function pages(...paths: readonly string[]): DefaultTheme.SidebarItem[] {
  return paths
    .filter((path) => existsSync(join(docs, `${path}.md`)))
    .map((path) => {
      const title = /^# (.+)$/m.exec(readFileSync(join(docs, `${path}.md`), 'utf8'))?.[1] ?? path
      return { text: title.replaceAll('`', '').replace(/\\(.)/g, '$1').replace(/:.*/, ''), link: `/${path}` }
    })
}

/** Every page of a folder that the list before does not name, so that a new page needs no entry here. */
function pagesOf(folder: string, ...first: readonly string[]): DefaultTheme.SidebarItem[] {
  const all = existsSync(join(docs, folder)) ? readdirSync(join(docs, folder)) : []
  const names = all.filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -3))
  const others = names.filter((name) => !first.includes(name) && name !== 'index').sort()
  return pages(...[...first, ...others].map((name) => `${folder}/${name}`))
}

export default defineConfig({
  title: 'Enfold',
  description: 'An event-sourced campaign engine for Node',
  cleanUrls: true,
  // The reference of `core` is one page, and so is the index of the search.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  srcExclude: ['snippets/**'],
  markdown: {
    config: (md) => md.use(linksOutOfTheSite, docs),
    languageAlias: { mjs: 'js', console: 'sh' },
    // As code hosts name headings, so that a link to one is right in both places.
    anchor: {
      slugify: (heading) =>
        heading
          .trim()
          .toLowerCase()
          .replace(/[^\p{L}\p{N}_ -]/gu, '')
          .replaceAll(' ', '-'),
    },
  },
  buildEnd: ({ outDir }) => checkAnchors(outDir),
  themeConfig: {
    // Its index takes a third of the build, and can be wrong in nothing that is ours: `pnpm check:docs` goes without.
    ...(process.env.ENFOLD_SITE === 'unsearched' ? {} : { search: { provider: 'local' } as const }),
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Rules', link: '/reference/rules' },
      { text: 'Packages', link: '/reference/api/' },
    ],
    sidebar: [
      { text: 'Start', items: pages('start') },
      {
        text: 'Concepts',
        items: pagesOf('concepts', 'log', 'enrollment', 'goals', 'delivery', 'tag-index', 'versions'),
      },
      {
        text: 'Guides',
        items: pagesOf(
          'guides',
          'dev',
          'write-a-campaign',
          'keyed-runs',
          'embed',
          'migrate',
          'test',
          'operators',
          'operate',
          'http',
          'mcp',
          'audit',
          'erase',
          'own-store',
        ),
      },
      {
        text: 'Recipes',
        collapsed: true,
        items: [
          ...pages('recipes/index'),
          ...pagesOf(
            'recipes',
            'welcome-series',
            'double-opt-in',
            'onboarding-checklist',
            'trial-ending',
            'ab-test',
            'abandoned-cart',
            'lead-nurturing',
            'sales-sequence',
            'deal-follow-up',
            'event-reminders',
            'review-request',
            'renewal',
            'dunning',
            'win-back',
            'birthday',
            'broadcast',
            'frequency-cap',
            're-permission',
            'complaint',
            'quiet-holidays',
            'from-cron-jobs',
            'from-bullmq',
            'from-mautic',
            'from-keap',
          ),
        ],
      },
      {
        text: 'Reference',
        items: [
          ...pages(
            'reference/rules',
            'reference/campaign',
            'reference/events',
            'reference/errors',
            'reference/commands',
            'reference/http',
            'reference/sizes',
          ),
          {
            text: 'Packages',
            collapsed: true,
            items: pagesOf('reference/api'),
          },
        ],
      },
      { text: 'More', items: pages('comparison', 'benchmarks', 'internals', 'glossary', 'decisions/index') },
    ],
    docFooter: { prev: false, next: false },
  },
})
