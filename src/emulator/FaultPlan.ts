/**
 * Fault plans: faults as plain data, and the choice of the rule that applies to a request.
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

/**
 * A time to wait: milliseconds, or a string like `"250 millis"` or `"5 seconds"`. At most 24 days,
 * or `Infinity`, which never ends.
 */
export type Delay = number | `${number} ${Duration.Unit}`

/** What goes wrong with a request. */
export type Fault =
  /** The server sends this answer instead of its own. It acts only if `acted` is true. */
  | {
    readonly _tag: "Respond"
    /** From 200 to 599. */
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    /** Sent as it is; empty by default. Its type is `application/json` unless `headers` set one. */
    readonly body?: string | undefined
    /** Adds a `Retry-After` this many seconds (up to 1e9) from now, as a number or an HTTP-date. */
    readonly retryAfter?:
      | { readonly seconds: number; readonly form?: "seconds" | "http-date" | undefined }
      | undefined
    /** Whether the server still carries out the operation; false by default. */
    readonly acted?: boolean | undefined
  }
  /** The connection breaks before the server acts. */
  | { readonly _tag: "DropBefore" }
  /** The connection breaks after the server acts and before it answers. */
  | { readonly _tag: "DropAfter" }
  /** The connection breaks within the body, after this many bytes; after half by default. */
  | { readonly _tag: "TruncateBody"; readonly bytes?: number | undefined }
  /** The body ends normally but is not JSON: its last character is missing. */
  | { readonly _tag: "MalformedJson" }
  /**
   * The body comes in pieces of `bytes` (16 by default), with a pause of `every` (100 ms by
   * default) before each.
   */
  | {
    readonly _tag: "DripBody"
    readonly bytes?: number | undefined
    readonly every?: Delay | undefined
  }
  /** A list's `next_page` leads back to the same page. */
  | { readonly _tag: "RepeatPageToken" }
  /** A list answers no keys. Its `next_page` leads to the keys that it left out. */
  | { readonly _tag: "EmptyPage" }

/** A fault, and the requests it applies to. A field that you leave out restricts nothing. */
export interface FaultRule {
  /** The operations it applies to; all by default. */
  readonly operation?: Operation | ReadonlyArray<Operation> | undefined
  /**
   * Which calls of those operations it applies to; all by default. Each rule counts its own calls
   * from 1. `from` and `to` are included, and `to` must not be below `from`.
   */
  readonly calls?:
    | number
    | ReadonlyArray<number>
    | { readonly from: number; readonly to?: number | undefined }
    | undefined
  /** The chance of each such call, from 0 to 1; 1 by default. The emulator's seed decides it. */
  readonly chance?: number | undefined
  /** A wait before the server acts. */
  readonly delay?: Delay | undefined
  /** A wait after the server acts and before it answers. */
  readonly answerDelay?: Delay | undefined
  /** What goes wrong. By default nothing does, and the rule only adds its delays. */
  readonly fault?: Fault | undefined
}

/**
 * What goes wrong, as plain data. A failure report can print it, and a JSON file can hold it.
 *
 * The first rule that matches a request applies to it.
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
    Option.isSome(Check.waitOf(value)),
  {
    description:
      'milliseconds from 0 or a string like "250 millis" or "5 seconds", at most "24 days"',
  },
)

const Text = Schema.String.pipe(Schema.annotations({ title: "a string" }))

const OperationSchema = Schema.Literal(...Object.values(operations).map(({ name }) => name))

const Count = Check.wholeNumber(1)

const Calls = Schema.Struct({ from: Count, to: Schema.optional(Count) }).pipe(
  Schema.filter(({ from, to = from }) => from <= to, {
    description: 'an object with "from" and an optional "to" that is not below it',
  }),
)

// The server sets these itself. Any other value could leave an answer without an end.
const framing = ["content-length", "trailer", "transfer-encoding"]

// Any other character breaks the server's answer or starts another header.
const isHeader = ([name, value]: readonly [string, string]): boolean =>
  !framing.includes(name.toLowerCase()) &&
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)

const HeaderFields = Schema.Record({ key: Schema.String, value: Text }).pipe(
  Schema.filter((headers) => {
    const wrong = Object.entries(headers).find((header) => !isHeader(header))
    return wrong && {
      path: [wrong[0]],
      message: "a name and a value that HTTP allows in a header, but not one that frames the body",
    }
  }),
).pipe(Schema.annotations({ description: "an object of names and values" }))

const RetryAfter = Schema.Struct({
  // A date this far ahead still has a four-digit year.
  seconds: Check.numberBetween(0, 1_000_000_000),
  form: Schema.optional(Schema.Literal("seconds", "http-date")),
}).pipe(Schema.annotations({ description: 'an object with "seconds" and an optional "form"' }))

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
 * Checks a plan from outside, such as a JSON file. It refuses unknown fields: a rule without its
 * misspelt field would apply to other calls.
 */
export const FaultPlan: Schema.Schema<FaultPlan> = exact(
  Schema.Array(FaultRuleSchema).pipe(Schema.annotations({ description: "a list of rules" })),
)

/** Checks a plan. A failure names the rule and the field, and says what is allowed there. */
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

/** Counts the calls of a plan's rules, and gives the rule, if any, that applies to each call. */
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
      // Draws even if an earlier rule applies: a rule's luck must not depend on its neighbours.
      const lucky = rule.chance === undefined || random.number() < rule.chance
      if (lucky) met ??= rule
    }
    return met
  }
}
