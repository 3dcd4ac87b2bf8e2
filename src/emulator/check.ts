/**
 * Checks values from a program, a file or a request, and says in one line what is wrong.
 *
 * A schema's description must be a phrase that fits after "must be".
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Path } from "./Finding.ts"
import { printable } from "./printable.ts"
import { validate } from "./validate.ts"

/** A whole number within bounds. */
export const wholeNumber = (from: number, to: number = Infinity): Schema.Schema<number> =>
  Schema.Number.pipe(
    Schema.filter((value) => Number.isSafeInteger(value) && value >= from && value <= to, {
      description: to === Infinity
        ? `a whole number from ${from}`
        : `a whole number from ${from} to ${to}`,
    }),
  )

/** A whole number from a lower bound up, or `Infinity`. */
export const unbounded = (from: number): Schema.Schema<number> =>
  Schema.Union(
    wholeNumber(from),
    Schema.Number.pipe(
      Schema.filter((value) => value === Infinity, { description: "Infinity" }),
    ),
  )

/** A number within bounds. */
export const numberBetween = (from: number, to: number): Schema.Schema<number> =>
  Schema.Number.pipe(
    Schema.filter((value) => value >= from && value <= to, {
      description: `a number from ${from} to ${to}`,
    }),
  )

/** Reads a duration, and refuses a negative one, which Effect would read as zero. */
export const durationOf = (value: unknown): Option.Option<Duration.Duration> =>
  Option.filter(
    Duration.decodeUnknown(value),
    // Effect 4 has negative durations. Effect 3 makes them zero, so this looks at the value too.
    (duration) => Duration.toMillis(duration) >= 0 && !isBelowZero(value),
  )

// For values that Effect reads as a duration. `!(… >= 0)` makes NaN count as below zero.
const isBelowZero = (value: unknown): boolean =>
  Array.isArray(value)
    ? !(value[0] * 1e9 + value[1] >= 0)
    : typeof value === "number" || typeof value === "bigint"
    ? !(value >= 0)
    : typeof value === "string" && value.startsWith("-")

/** A duration that is not negative, in any form that Effect reads. */
export const anyDuration: Schema.Schema<Duration.DurationInput> = Schema.declare(
  (value): value is Duration.DurationInput => Option.isSome(durationOf(value)),
  { description: 'a duration like "250 millis" or "2 seconds"' },
)

/**
 * A {@link durationOf} that the emulator can wait for. A timer of JavaScript waits for 24 days. An
 * infinite wait needs no timer.
 */
export const waitOf = (value: unknown): Option.Option<Duration.Duration> =>
  Option.filter(
    durationOf(value),
    (wait) => !Duration.isFinite(wait) || Duration.lessThanOrEqualTo(wait, Duration.days(24)),
  )

/** A wait, in any form that Effect reads. */
export const anyWait: Schema.Schema<Duration.DurationInput> = Schema.declare(
  (value): value is Duration.DurationInput => Option.isSome(waitOf(value)),
  { description: 'a duration of at most "24 days", like "250 millis" or "2 seconds"' },
)

/** A duration within bounds, in any form that Effect reads. */
export const durationBetween = (
  from: `${number} ${Duration.Unit}`,
  to: `${number} ${Duration.Unit}`,
): Schema.Schema<Duration.DurationInput> =>
  Schema.declare(
    (value): value is Duration.DurationInput =>
      Option.exists(
        durationOf(value),
        Duration.between({ minimum: Duration.decode(from), maximum: Duration.decode(to) }),
      ),
    { description: `a duration from "${from}" to "${to}"` },
  )

/** A problem with a value. */
export interface Problem {
  /** Where it is: the fields that lead there, outermost first. */
  readonly path: Path
  /** What is wrong, as the end of a sentence about that place. */
  readonly problem: string
}

/** Checks values. A failure says where the first problem is, and what is allowed there. */
export const read = <A>(
  schema: Schema.Schema<A>,
): (value: unknown) => Either.Either<A, Problem> => {
  const checked = validate(schema)
  return (value) =>
    Either.mapLeft(checked(value), (found) => {
      // In a union, the value is most likely meant for the member that it fits deepest.
      const depth = Math.max(...found.map(({ path }) => path.length))
      const deepest = found.filter(({ path }) => path.length === depth)
      const [{ names, path } = { path: [] }] = deepest
      if (names) return { path, problem: `is not an option${whatIsMeant(path, names)}` }
      const allowed = deepest.flatMap((finding) => finding.allowed.split(" | "))
      // An optional field may also be undefined, but nobody needs to read that.
      const told = new Set(allowed.filter((one) => one !== "undefined"))
      const list = new Intl.ListFormat("en", { type: "disjunction" }).format(told)
      return { path, problem: `must be ${list}` }
    })
}

/** Checks a value like {@link read}. A failure is one line that begins with the value's name. */
export const check = <A>(
  schema: Schema.Schema<A>,
  name: string,
  value: unknown,
): Either.Either<A, string> =>
  Either.mapLeft(
    read(schema)(value),
    ({ path, problem }) => `${name}${path.map(step).join("")} ${problem}`,
  )

/** Names the nearest option, if one is near enough, and all that are allowed. */
const whatIsMeant = (path: Path, names: ReadonlyArray<string>): string => {
  const given = String(path[path.length - 1]).slice(0, 40).toLowerCase()
  const distances = names.map((name) => distance(given, name.toLowerCase()))
  const least = Math.min(...distances)
  const nearest = least > given.length / 2
    ? ""
    : `; the nearest is ${names[distances.indexOf(least)]}`
  return `${nearest}; allowed: ${names.join(", ")}`
}

/** The edit distance: how many letters to insert, delete or replace to make one text the other. */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...to].entries()) {
      const [beside = 0, above = 0, across = 0] = [next[column], row[column + 1], row[column]]
      next.push(Math.min(beside + 1, above + 1, letter === other ? across : across + 1))
    }
    row = next
  }
  return row[row.length - 1] ?? 0
}

const step = (key: PropertyKey): string =>
  typeof key === "number"
    ? `[${key}]`
    : /^\w{1,40}$/.test(String(key))
    ? `.${String(key)}`
    : `["${printable(String(key), 40)}"]`
