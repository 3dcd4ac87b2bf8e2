import { Bench } from "tinybench"

/** A case, compared with the first one. */
export interface Compared {
  /** Microseconds a call, in the fastest quarter of the rounds. */
  readonly micros: number
  /** Times as slow as the first case. */
  readonly ratio: number
}

/** How much to measure. */
export interface CompareOptions {
  /** Calls in one round. */
  readonly calls: number
  readonly rounds: number
  /** Rounds that do not count, until V8 has optimized the code. */
  readonly warmup: number
}

/**
 * Measures the cases in turn, in many short rounds, so that other work of the machine disturbs all
 * of them alike. Only each case's fastest rounds count. No garbage collection is forced in between,
 * since V8 would discard compiled code, and everything would take several times as long.
 */
export const compare = async <Name extends string>(
  cases: Readonly<Record<Name, () => unknown>>,
  options: CompareOptions,
): Promise<Readonly<Record<Name, Compared>>> => {
  // A literal's keys are those of its type.
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
  // There is an entry for each name.
  return Object.fromEntries(compared) as Record<Name, Compared>
}
