/**
 * How often the properties of this repository are tried. One number scales them all: `ENFOLD_SCALE`, default 1, which is
 * a run of single files. The gate sets a quarter, and a twentieth where a suite runs again (bundle, browser); `pnpm soak`
 * multiplies.
 */

/** @param usual how often a property is tried by default; at least once is what remains of it */
export function runs(usual: number): number {
  return Math.max(1, Math.ceil(usual * Number(process.env.ENFOLD_SCALE ?? 1)))
}

/** Whether `pnpm soak` runs: then the long proofs are run too, of what the gate proves in short. */
export const soaking: boolean = process.env.ENFOLD_SOAK !== undefined
