/** `docs/reference/http.md` is made of the table of routes: `ENFOLD_WRITE_SNIPPETS=1` writes it again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { routes } from './api.ts'
import type { Call, Route } from './route.ts'

const PAGE = join(import.meta.dirname, '../../../docs/reference/http.md')

const INTRO = `# HTTP: every route of the API

Made from the table of routes by a test. All shapes are in the OpenAPI document at \`/openapi.json\`, by the \`operationId\` of the second line. How to begin: [over HTTP](../guides/http.md), [who may do what](../../packages/http/README.md#who-may-do-what).

A permission "of the action" is that of what the action does. "Of the undone order": \`start\`, \`stop\` and what undoing it does besides, in the campaigns of the order; for the preview \`read\` as well. "All campaigns": callers who are limited to some campaigns may not.
`

const NAMES: Readonly<Record<string, string>> = {
  contacts: 'Contacts',
  signals: 'Signals',
  campaigns: 'Campaigns',
  actions: 'Actions over many contacts',
}

async function page(): Promise<string> {
  const groups = Map.groupBy(routes, ({ path }) => NAMES[path.split('/')[1] ?? ''] ?? 'The whole store')
  const parts: string[] = []
  for (const [name, all] of groups) {
    const rows = await Promise.all(all.map(rowOf))
    parts.push([`## ${name}`, '', '| route | what it is for | permissions |', '|---|---|---|', ...rows].join('\n'))
  }
  return `${[INTRO.trimEnd(), ...parts].join('\n\n')}\n`
}

async function rowOf(route: Route): Promise<string> {
  const { id, method, path, summary } = route
  const query = Object.keys((route.query as { readonly properties?: object } | undefined)?.properties ?? {})
  const asked = query.length === 0 ? '' : `?${query.slice(0, 6).join('&')}${query.length > 6 ? '&…' : ''}`
  const address = `\`${method.toUpperCase()} ${path}${asked}\`<br>\`${id}\``
  return `| ${[address, summary, await permissionsOf(route)].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** With ids that stand for any. Of an action or an order the engine would have to be asked. */
async function permissionsOf(route: Route): Promise<string> {
  try {
    const named = { campaignId: 'any', all: [{ campaignId: 'any' }] }
    const scopeFor = (body: object) => route.scope({ path: { campaignId: 'any' }, query: {}, body } as unknown as Call)
    const [{ campaigns, verbs }, narrow] = [await scopeFor({}), await scopeFor(named)]
    const of =
      campaigns !== 'all'
        ? ''
        : narrow.campaigns === 'all'
          ? '; all campaigns'
          : '; all campaigns, or those that it names'
    return `${verbs.map((verb) => `\`${verb}\``).join(', ')}${of}`
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    if (route.method === 'get') return '`read`'
    return route.path.startsWith('/actions') ? 'of the action' : 'of the undone order'
  }
}

it('docs/reference/http.md has every route', async () => {
  if (process.env.ENFOLD_WRITE_SNIPPETS === '1') writeFileSync(PAGE, await page())
  expect(readFileSync(PAGE, 'utf8')).toBe(await page())
})
