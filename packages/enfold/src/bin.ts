#!/usr/bin/env node
/** The command `enfold`: that of `@enfold/cli`, which nobody who has this package installs by itself. */
await import('@enfold/cli')
