/** Tests, and what they are given. */
const OF_TESTS = '(\\.test|\\.fixture)\\.ts$'

/** Which package may use which, as docs/internals.md draws it. Nothing points back, nothing is circular. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^packages/${from}/src`, pathNot: OF_TESTS },
  to: {
    path: '^packages/',
    pathNot: [
      `^packages/${from}/`,
      ...allowed.map((other) => `^packages/${other}/src/((store/)?index|log|pages|routes|store-battery)\\.ts$`),
    ],
  },
})

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { pathNot: '\\.test\\.ts$' } } },
    {
      name: 'no-deep-imports',
      comment:
        'Other packages are used by their name, and so by their index, or another of their entries. The bench may use everything.',
      severity: 'error',
      from: { path: '^(packages|examples|docs)/([^/]+)/', pathNot: '^packages/bench/' },
      to: {
        path: '^packages/[^/]+/src/',
        pathNot: [
          '^packages/$2/',
          '/src/index\\.ts$',
          '/testkit/src/store-battery\\.ts$',
          '/testkit/src/runs\\.ts$',
          '^packages/enfold/src/[^/]+\\.ts$',
          '/core/src/log\\.ts$',
          '/console/src/pages\\.ts$',
          '/http/src/routes\\.ts$',
          '/core/src/store/index\\.ts$',
          '^packages/test-servers/src/[^/]+/index\\.ts$',
          // Each file of it is an entry.
          '^packages/enfold/src/',
        ],
      },
    },
    {
      name: 'core-is-pure',
      comment: 'No clock, no I/O, no randomness.',
      severity: 'error',
      from: { path: '^packages/core/src', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'given-is-for-tests',
      comment: 'And for the bench, which starts the same servers.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src', pathNot: [OF_TESTS, '^packages/bench/'] },
      to: { path: '\\.fixture\\.ts$' },
    },
    only('core-uses-nothing', 'core', []),
    only('stores-use-core', 'store-[^/]+', ['core']),
    only('test-servers-use-nothing', 'test-servers', []),
    only('engine-uses-core', 'engine', ['core']),
    only('handlers-use-core', 'handlers', ['core']),
    only('testkit-uses-core', 'testkit', ['core']),
    only('http-uses', 'http', ['core', 'engine']),
    only('frameworks-use', '(fastify|nestjs)', ['core', 'engine', 'http']),
    only('console-uses', 'console', ['core', 'engine', 'http']),
    only('mcp-uses', 'mcp', ['core', 'engine', 'http']),
    only('cli-uses', 'cli', ['core', 'engine', 'console', 'mcp', 'store-[^/]+', 'create-enfold']),
    {
      ...only('enfold-uses', 'enfold', [
        'core',
        'engine',
        'handlers',
        'http',
        'console',
        'cli',
        'store-[^/]+',
        'testkit',
      ]),
      comment: 'The one package to install: a door to all others, which none of them knows.',
    },
    {
      name: 'enfold-is-used-by-hosts',
      severity: 'error',
      from: { path: '^packages/(?!enfold/|bench/|templates/)', pathNot: OF_TESTS },
      to: { path: '^packages/enfold/' },
    },
    only('create-enfold-uses-nothing', 'create-enfold', []),
    {
      name: 'bench-is-used-by-nobody',
      severity: 'error',
      from: { pathNot: '^packages/bench/' },
      to: { path: '^packages/bench/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Programs of the soak run where the packed packages are installed, with what hosts have.
    exclude: { path: ['(^|/)(node_modules|dist)/', '^packages/templates/soak/.*\\.mjs$'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
