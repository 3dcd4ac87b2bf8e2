/** A row of the table. */
export interface Row {
  readonly what: string
  readonly measured: string
  /** Empty for a figure that is only there to compare with. */
  readonly target: string
  /** Absent if there is no target. */
  readonly pass?: boolean
}

/** A row without a target. */
export const figure = (what: string, measured: string): Row => ({
  what,
  measured,
  target: "",
})

/** A row whose value may be as large as its target, and no larger. */
export const atMost = (
  what: string,
  value: number,
  target: number,
  show: (value: number) => string,
): Row => ({
  what,
  measured: show(value),
  target: `<= ${show(target)}`,
  pass: value <= target,
})

/** The median of some measurements. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
