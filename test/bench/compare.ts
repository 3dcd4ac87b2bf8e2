import { Bench } from "tinybench"

/** How a case did against the first one. */
export interface Compared {
  /** Microseconds a call, in the rounds that were disturbed least: the fastest quarter. */
  readonly micros: number
  /** Times as slow as the first case. */
  readonly ratio: number
}

/** How much to measure. */
export interface CompareOptions {
  /** Calls between two looks at the clock. */
  readonly calls: number
  readonly rounds: number
  /** Rounds before those that count, until the code is as fast as it gets. */
  readonly warmup: number
}

/**
 * Measures cases in turn, many short rounds of each, so that what else the machine does meanwhile
 * falls on all of them, and compares what each takes undisturbed. No collection is forced in between:
 * V8 then throws compiled code away, and everything takes several times as long.
 */
export const compare = async <Name extends string>(
  cases: Readonly<Record<Name, () => unknown>>,
  options: CompareOptions,
): Promise<Readonly<Record<Name, Compared>>> => {
  // The keys of a literal are those that its type names.
  const names = Object.keys(cases) as Array<Name>
  const rounds: Array<ReadonlyArray<number>> = []
  for (let round = 0; round < options.warmup + options.rounds; round++) {
    const bench = new Bench({ time: 0, iterations: 2, warmup: false })
    for (const name of names) {
      bench.add(name, async () => {
        for (let i = 0; i < options.calls; i++) await cases[name]()
      })
    }
    const tasks = await bench.run()
    const micros = tasks.map(({ result }) => {
      if (result?.error !== undefined) throw result.error
      return (result?.latency.mean ?? NaN) * 1000 / options.calls
    })
    if (round >= options.warmup) rounds.push(micros)
  }
  const micros = names.map((_, index) => {
    const sorted = rounds.map((micros) => micros[index] ?? NaN).toSorted((a, b) => a - b)
    const fastest = sorted.slice(0, Math.ceil(sorted.length / 4))
    return fastest.reduce((sum, one) => sum + one, 0) / fastest.length
  })
  const compared = names.map((name, index): [Name, Compared] => {
    const own = micros[index] ?? NaN
    return [name, { micros: own, ratio: own / (micros[0] ?? NaN) }]
  })
  // One entry for each name.
  return Object.fromEntries(compared) as Record<Name, Compared>
}
