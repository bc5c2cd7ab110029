/** The public names of `@enfold/core`. */
export * from './definition.ts'
export * from './events.ts'
export * from './fault.ts'
export * from './ids.ts'
export * from './json.ts'
export * from './ports.ts'
export * from './tag-index.ts'
