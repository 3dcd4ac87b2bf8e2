/** One measurement, as the table shows it. */
export interface Row {
  readonly what: string
  readonly measured: string
  /** Empty where the figure is there to compare with alone. */
  readonly target: string
  /** Absent where there is no target. */
  readonly pass?: boolean
}

/** A figure to compare others with. */
export const figure = (what: string, measured: string): Row => ({
  what,
  measured,
  target: "",
})

/** A figure that may be so large and no larger. */
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

/** The middle one of some measurements. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
