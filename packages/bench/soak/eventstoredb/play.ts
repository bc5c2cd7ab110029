/** Chaos by chance shows something only where what it is about has happened: another round is played until it has. */
export async function playUntil<Report extends { readonly problems: readonly string[] }>(
  play: (seed: number) => Promise<Report>,
  isEnough: (reports: readonly Report[]) => boolean,
): Promise<readonly Report[]> {
  const reports: Report[] = []
  for (let seed = 1; seed <= MOST && !isEnough(reports); seed++) reports.push(await play(seed))
  if (!isEnough(reports)) throw new Error(`Not enough in ${MOST} rounds: ${JSON.stringify(reports)}`)
  return reports
}

const MOST = 20

/** Whether each of these figures was above 0 in one round at least. */
export function sawAll<Figure extends string>(...figures: readonly Figure[]) {
  return (reports: readonly { readonly [figure in Figure]: number }[]) =>
    figures.every((figure) => reports.some((report) => report[figure] > 0))
}

/** Whether the problems of one round tell of this. */
export function saw(problem: RegExp) {
  return (reports: readonly { readonly problems: readonly string[] }[]) =>
    reports.some(({ problems }) => problem.test(problems.join()))
}
