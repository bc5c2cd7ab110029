/** The templates by their paths, as `enfold/engine.ts`, with and without types. */
import { collectTemplates, type Language, type TemplateText } from './collect-templates.ts'

let texts: ReadonlyMap<string, TemplateText> | undefined

export function readTemplate(path: string, language: Language): string {
  texts ??= new Map(collectTemplates())
  const text = texts.get(path)
  if (text === undefined) throw new Error(`There is no template ${path}.`)
  return text[language]
}
