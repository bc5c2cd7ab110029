import { defineConfig } from 'tsup'

/** How every package is built for publishing: ESM, CommonJS and types out of `src/index.ts`. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  platform: 'neutral',
  target: 'es2023',
  tsconfig: 'tsconfig.json',
  dts: true,
  clean: true,
  sourcemap: true,
  treeshake: true,
  // `node:sqlite` exists under this name only.
  removeNodeProtocol: false,
  external: [/^node:/],
})
