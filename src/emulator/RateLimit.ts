/**
 * The rate limit. The times of an identity's earlier requests decide whether the next one passes.
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
   * How the window moves; the service does not document it. `sliding` (the default): no period of
   * one window's length has more requests than the limit. `fixed`: windows follow one another from
   * 1970 on. `token-bucket`: a bucket that starts full, with `limit` requests, and refills evenly
   * over one window.
   */
  readonly algorithm?: "sliding" | "fixed" | "token-bucket" | undefined
  /**
   * The status of a refusal, from 400 to 599; 429 by default. The service's documentation leaves it
   * open. Each refusal has a `Retry-After`, the code 8 and the message "rate limit exceeded".
   */
  readonly status?: number | undefined
  /** The form of `Retry-After`. By default `seconds`, rounded up. */
  readonly retryAfter?: "seconds" | "http-date" | "none" | undefined
}

/** The statuses that a refusal can have. */
export const RefusalStatus: Schema.Schema<number> = Check.wholeNumber(400, 599)

/** The schema of {@link RateLimitOptions}. */
export const RateLimitOptionsSchema: Schema.Schema<RateLimitOptions> = Schema.Struct({
  limit: Schema.optional(Check.unbounded(0)),
  window: Schema.optional(Check.durationBetween("1 millis", "36500 days")),
  algorithm: Schema.optional(Schema.Literal("sliding", "fixed", "token-bucket")),
  status: Schema.optional(RefusalStatus),
  retryAfter: Schema.optional(Schema.Literal("seconds", "http-date", "none")),
}).pipe(Schema.annotations({ description: "an object" }))

/** {@link RateLimitOptions} with the defaults filled in. */
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

/** When an identity's requests passed, in milliseconds, oldest first. */
export type Admitted = ReadonlyArray<number>

/** Whether a request passes, and what to remember for the next one or how long to wait. */
export type Verdict =
  | { readonly _tag: "Admitted"; readonly admitted: Admitted }
  | { readonly _tag: "Refused"; readonly waitMillis: number }

const refused = (waitMillis: number): Verdict => ({ _tag: "Refused", waitMillis })

/** Decides whether a request may pass now. Refused requests do not count. */
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
      // Here `admitted` is one number: the time at which the bucket is full again.
      const interval = window / limit
      const full = Math.max(admitted[0] ?? 0, nowMillis)
      const wait = full + interval - window - nowMillis
      // Adding fractions loses a little, so this allows a thousandth of a millisecond.
      return wait <= 0.001 ? { _tag: "Admitted", admitted: [full + interval] } : refused(wait)
    }
  }
}

/** The `Retry-After` header of a refusal, unless the form is `none`. */
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
      // A date has no fraction of a second. Rounded down, it would be too early.
      return {
        "retry-after": new Date(Math.ceil((nowMillis + waitMillis) / 1000) * 1000).toUTCString(),
      }
    case "none":
      return {}
  }
}
