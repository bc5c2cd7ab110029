/** The public names of `@enfold/console`. */
export { type Console, type ConsoleOptions, createConsole } from './console.ts'
export { type LoopbackConsole, type LoopbackOptions, serveOnLoopback } from './loopback.ts'
