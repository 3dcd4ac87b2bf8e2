/**
 * How many requests an identity may send: decided from the times of its earlier ones.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Check from "./check.ts"

/** A limit on the requests of each identity. */
export interface RateLimitOptions {
  /** Requests in one window; 10 by default. */
  readonly limit?: number | undefined
  /** The length of a window; one second by default. */
  readonly window?: Duration.DurationInput | undefined
  /**
   * How the window moves, which the service does not document. `sliding` (the default): no stretch
   * of one window's length ever holds more than the limit. `fixed`: windows follow one another
   * from 1970 on. `token-bucket`: a full bucket of the limit, refilled evenly over a window.
   */
  readonly algorithm?: "sliding" | "fixed" | "token-bucket" | undefined
  /**
   * The status of a refusal, from 400 to 599, which the service's documentation leaves open; 429 by
   * default. `Retry-After`, code 8 and the message "rate limit exceeded" come with each.
   */
  readonly status?: number | undefined
  /** The form of `Retry-After`; `seconds`, rounded up, by default. */
  readonly retryAfter?: "seconds" | "http-date" | "none" | undefined
}

/** What the status of a refusal can be. */
export const RefusalStatus: Schema.Schema<number> = Check.wholeNumber(400, 599)

/** What a {@link RateLimitOptions} must be. */
export const RateLimitOptionsSchema: Schema.Schema<RateLimitOptions> = Schema.Struct({
  limit: Schema.optional(Check.unbounded(0)),
  window: Schema.optional(Check.durationBetween("1 millis", "36500 days")),
  algorithm: Schema.optional(Schema.Literal("sliding", "fixed", "token-bucket")),
  status: Schema.optional(RefusalStatus),
  retryAfter: Schema.optional(Schema.Literal("seconds", "http-date", "none")),
}).pipe(Schema.annotations({ description: "an object" }))

/** A {@link RateLimitOptions} with nothing left open. */
export interface RateLimit {
  readonly limit: number
  readonly window: Duration.Duration
  readonly algorithm: "sliding" | "fixed" | "token-bucket"
  readonly status: number
  readonly retryAfter: "seconds" | "http-date" | "none"
}

/** Fills in the defaults: 10 requests a second, as the service documents. */
export const make = (options: RateLimitOptions = {}): RateLimit => ({
  limit: options.limit ?? 10,
  window: Duration.decode(options.window ?? "1 second"),
  algorithm: options.algorithm ?? "sliding",
  status: options.status ?? 429,
  retryAfter: options.retryAfter ?? "seconds",
})

/** When an identity's requests were let through, in milliseconds, the oldest first. */
export type Admitted = ReadonlyArray<number>

/** What becomes of a request, and what to remember for the next one. */
export type Verdict =
  | { readonly _tag: "Admitted"; readonly admitted: Admitted }
  | { readonly _tag: "Refused"; readonly waitMillis: number }

const refused = (waitMillis: number): Verdict => ({ _tag: "Refused", waitMillis })

/** Decides whether a request at an instant may pass. Refused requests do not count. */
export const check = (rateLimit: RateLimit, admitted: Admitted, nowMillis: number): Verdict => {
  const window = Duration.toMillis(rateLimit.window)
  const { limit } = rateLimit
  if (limit < 1) return refused(window)
  switch (rateLimit.algorithm) {
    case "sliding": {
      const recent = admitted.filter((at) => at > nowMillis - window)
      const oldest = recent[recent.length - limit]
      return oldest === undefined
        ? { _tag: "Admitted", admitted: [...recent, nowMillis] }
        : refused(oldest + window - nowMillis)
    }
    case "fixed": {
      const start = Math.floor(nowMillis / window) * window
      const recent = admitted.filter((at) => at >= start)
      return recent.length < limit
        ? { _tag: "Admitted", admitted: [...recent, nowMillis] }
        : refused(start + window - nowMillis)
    }
    case "token-bucket": {
      // The one number kept is when the bucket will be full again.
      const interval = window / limit
      const full = Math.max(admitted[0] ?? 0, nowMillis)
      const wait = full + interval - window - nowMillis
      // A thousandth of a millisecond for what adding fractions loses.
      return wait <= 0.001 ? { _tag: "Admitted", admitted: [full + interval] } : refused(wait)
    }
  }
}

/** The `Retry-After` of a refusal, if there is to be one. */
export const retryAfter = (
  form: RateLimit["retryAfter"],
  waitMillis: number,
  nowMillis: number,
): Readonly<Record<string, string>> => {
  const seconds = Math.ceil(waitMillis / 1000)
  switch (form) {
    case "seconds":
      return { "retry-after": String(seconds) }
    case "http-date":
      // A date holds no fraction of a second: rounding down would come too early.
      return {
        "retry-after": new Date(Math.ceil((nowMillis + waitMillis) / 1000) * 1000).toUTCString(),
      }
    case "none":
      return {}
  }
}
