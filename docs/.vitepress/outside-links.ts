/**
 * Links from a page to a file of the repository that is no page of the site (`../../examples/worker/README.md`): right
 * on a code host, nowhere on the site. On the site they become plain text that names the file. One that names no file
 * ends the build, as VitePress ends it for dead links between pages.
 */
import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

export function linksOutOfTheSite(md: MarkdownRenderer, docs: string): void {
  md.core.ruler.push('links-out-of-the-site', ({ tokens, env }) => {
    const page = env.path as string
    for (const { children } of tokens)
      for (const [i, token] of (children ?? []).entries()) {
        const href = token.type === 'link_open' ? (token.attrGet('href') ?? '') : ''
        if (href === '' || /^(#|\/|[a-z]+:)/.test(href)) continue
        const file = resolve(dirname(page), decodeURIComponent(href.replace(/#.*/, '')))
        const path = relative(docs, file)
        if (!path.startsWith('..') && !path.startsWith('snippets/')) continue
        if (!existsSync(file)) throw new Error(`${relative(docs, page)}: dead link ${href}; there is no ${file}`)
        const close = children?.find((other, j) => j > i && other.type === 'link_close' && other.level === token.level)
        token.tag = 'span'
        token.attrs = [['title', `In the repository: ${relative(join(docs, '..'), file)}`]]
        if (close !== undefined) close.tag = 'span'
      }
  })
}
