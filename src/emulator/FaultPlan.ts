/**
 * Faults to order: a plan as plain data, and the decision which of its rules a request meets.
 *
 * @module
 */
import type * as Duration from "effect/Duration"
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Operation, operations } from "../operation.ts"
import * as Check from "./check.ts"
import type { Random } from "./random.ts"
import { exact } from "./validate.ts"

/** A time to wait: milliseconds, or a text like `"250 millis"` or `"5 seconds"`. */
export type Delay = number | `${number} ${Duration.Unit}`

/** What goes wrong. */
export type Fault =
  /** The answer is another one; the server does not act unless `acted` says so. */
  | {
    readonly _tag: "Respond"
    /** From 200 to 599. */
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    /** Sent as it is; empty by default. Its type is `application/json` unless `headers` differ. */
    readonly body?: string | undefined
    /** Adds a `Retry-After` so many seconds (up to 1e9) from now, as a number or an HTTP-date. */
    readonly retryAfter?:
      | { readonly seconds: number; readonly form?: "seconds" | "http-date" | undefined }
      | undefined
    /** Whether the operation is carried out all the same; false by default. */
    readonly acted?: boolean | undefined
  }
  /** The connection breaks before the server acts. */
  | { readonly _tag: "DropBefore" }
  /** The connection breaks after the server acted and before it answers. */
  | { readonly _tag: "DropAfter" }
  /** The connection breaks within the body, after so many bytes; half of them by default. */
  | { readonly _tag: "TruncateBody"; readonly bytes?: number | undefined }
  /** The body comes whole, and is not JSON: its last character is missing. */
  | { readonly _tag: "MalformedJson" }
  /** The body comes in pieces of so many bytes (16), with a pause (100 ms) before each. */
  | {
    readonly _tag: "DripBody"
    readonly bytes?: number | undefined
    readonly every?: Delay | undefined
  }
  /** A list's `next_page` leads to the page that it came with. */
  | { readonly _tag: "RepeatPageToken" }
  /** A list answers no keys and a `next_page` that leads to those it should have answered. */
  | { readonly _tag: "EmptyPage" }

/** Which requests meet a fault, and which fault. What is left out does not restrict. */
export interface FaultRule {
  /** The operations that it is about; by default all. */
  readonly operation?: Operation | ReadonlyArray<Operation> | undefined
  /**
   * Which of the calls of those operations, counted from 1 for this rule; by default all. Both
   * `from` and `to` are among them, and `to` is not below `from`.
   */
  readonly calls?:
    | number
    | ReadonlyArray<number>
    | { readonly from: number; readonly to?: number | undefined }
    | undefined
  /** The chance of each such call, from 0 to 1, drawn from the emulator's seed; by default 1. */
  readonly chance?: number | undefined
  /** A wait before the server acts. */
  readonly delay?: Delay | undefined
  /** A wait between acting and answering. */
  readonly answerDelay?: Delay | undefined
  /** By default nothing goes wrong: the rule is about its delays. */
  readonly fault?: Fault | undefined
}

/**
 * What goes wrong, as plain data that prints in a failure report and reads from a JSON file.
 *
 * Of the rules, in order, the first that a request meets applies to it.
 *
 * @example
 * ```ts
 * import type * as Emulator from "@effect-crdb/api-keys/emulator"
 *
 * const plan: Emulator.FaultPlan = [
 *   { operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } },
 *   { chance: 0.1, fault: { _tag: "Respond", status: 503, retryAfter: { seconds: 2 } } },
 *   { operation: "listApiKeys", delay: "250 millis" },
 * ]
 * ```
 */
export type FaultPlan = ReadonlyArray<FaultRule>

const DelaySchema: Schema.Schema<Delay> = Schema.declare(
  (value): value is Delay =>
    (typeof value === "number" || typeof value === "string") &&
    Option.isSome(Check.durationOf(value)),
  { description: 'milliseconds from 0 or a text like "250 millis" or "5 seconds"' },
)

const Text = Schema.String.pipe(Schema.annotations({ title: "a text" }))

const OperationSchema = Schema.Literal(...Object.values(operations).map(({ name }) => name))

const Count = Check.wholeNumber(1)

const Calls = Schema.Struct({ from: Count, to: Schema.optional(Count) }).pipe(
  Schema.filter(({ from, to = from }) => from <= to, {
    description: 'an object with "from" and, if need be, a "to" that is not below it',
  }),
)

// How long a body is and how it is cut, the server says itself: otherwise an answer would never end.
const framing = ["content-length", "trailer", "transfer-encoding"]

// What else is in a header breaks the server's answer, or comes to be another header.
const isHeader = ([name, value]: readonly [string, string]): boolean =>
  !framing.includes(name.toLowerCase()) &&
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)

const HeaderFields = Schema.Record({ key: Schema.String, value: Text }).pipe(
  Schema.filter((headers) => {
    const wrong = Object.entries(headers).find((header) => !isHeader(header))
    return wrong && {
      path: [wrong[0]],
      message: "a name and a value that HTTP permits in a header, and none of its framing",
    }
  }),
).pipe(Schema.annotations({ description: "an object of names and values" }))

const RetryAfter = Schema.Struct({
  // A date so many seconds ahead still has a year of four digits.
  seconds: Check.numberBetween(0, 1_000_000_000),
  form: Schema.optional(Schema.Literal("seconds", "http-date")),
}).pipe(Schema.annotations({ description: 'an object with "seconds" and, if need be, "form"' }))

const FaultSchema = Schema.Union(
  Schema.TaggedStruct("Respond", {
    status: Check.wholeNumber(200, 599),
    headers: Schema.optional(HeaderFields),
    body: Schema.optional(Text),
    retryAfter: Schema.optional(RetryAfter),
    acted: Schema.optional(Schema.Boolean.pipe(Schema.annotations({ title: "true or false" }))),
  }),
  Schema.TaggedStruct("DropBefore", {}),
  Schema.TaggedStruct("DropAfter", {}),
  Schema.TaggedStruct("TruncateBody", { bytes: Schema.optional(Check.wholeNumber(0)) }),
  Schema.TaggedStruct("MalformedJson", {}),
  Schema.TaggedStruct("DripBody", {
    bytes: Schema.optional(Count),
    every: Schema.optional(DelaySchema),
  }),
  Schema.TaggedStruct("RepeatPageToken", {}),
  Schema.TaggedStruct("EmptyPage", {}),
).pipe(Schema.annotations({ description: 'an object with "_tag"' }))

const FaultRuleSchema = Schema.Struct({
  operation: Schema.optional(Schema.Union(
    OperationSchema,
    Schema.Array(OperationSchema).pipe(Schema.annotations({ description: "a list of these" })),
  )),
  calls: Schema.optional(Schema.Union(
    Count,
    Schema.Array(Count).pipe(Schema.annotations({ description: "a list of such numbers" })),
    Calls,
  )),
  chance: Schema.optional(Check.numberBetween(0, 1)),
  delay: Schema.optional(DelaySchema),
  answerDelay: Schema.optional(DelaySchema),
  fault: Schema.optional(FaultSchema),
}).pipe(Schema.annotations({ description: "an object" }))

/**
 * Checks a plan from elsewhere, such as a JSON file. A field that is not known is refused: a rule
 * without what was meant by it would be about other calls.
 */
export const FaultPlan: Schema.Schema<FaultPlan> = exact(
  Schema.Array(FaultRuleSchema).pipe(Schema.annotations({ description: "a list of rules" })),
)

/** Checks a plan, or says which rule is wrong, in which field, and what is allowed there. */
export const check = (plan: unknown): Either.Either<FaultPlan, string> =>
  Check.check(FaultPlan, "faults", plan)

const concerns = (rule: FaultRule, operation: Operation): boolean =>
  rule.operation === undefined || rule.operation === operation ||
  rule.operation.includes(operation)

const isDue = (calls: FaultRule["calls"], call: number): boolean => {
  if (calls === undefined) return true
  if (typeof calls === "number") return calls === call
  if ("from" in calls) return call >= calls.from && call <= (calls.to ?? Infinity)
  return calls.includes(call)
}

/** Counts the calls that a plan is about, and says which rule, if any, applies to the next one. */
export const follow = (
  plan: FaultPlan,
  random: Random,
): (operation: Operation) => FaultRule | undefined => {
  const rules = plan.map((rule) => ({ rule, calls: 0 }))
  return (operation) => {
    let met: FaultRule | undefined
    for (const counted of rules) {
      const { rule } = counted
      if (!concerns(rule, operation)) continue
      counted.calls += 1
      if (!isDue(rule.calls, counted.calls)) continue
      // Drawn even if an earlier rule applies: a rule's luck does not depend on its neighbours.
      const lucky = rule.chance === undefined || random.number() < rule.chance
      if (lucky) met ??= rule
    }
    return met
  }
}
