/**
 * Enfold in NestJS: `@InjectEngine()` gives you the engine, a worker begins and ends with the application, console and API
 * are in it. For an end on SIGTERM call `app.enableShutdownHooks()`.
 */
import { EnfoldModule } from '@enfold/nestjs'
import { engine, store } from './engine.ts'
import { handleEnfold } from './pages.ts'
import { welcome } from './welcome.ts'

export const enfoldModule = EnfoldModule.forRoot({
  engine,
  store,
  publish: [welcome],
  mount: { '/enfold': () => handleEnfold },
})
