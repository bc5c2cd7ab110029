/**
 * Adds Enfold to a project (`enfold init`), or makes a new one with it (`npm create enfold`).
 *
 * @packageDocumentation
 */
import './node-version.ts'

export { type CreateOptions, create } from './create.ts'
export { InitError } from './errors.ts'
export { type InitOptions, init } from './init.ts'
