/** What is sent again after which failure, in memory and over sockets alike. */
import type { Step } from "./scripted.ts"

// The default policy's waits, with full jitter fixed at its upper bound.
const backoff = [250, 500, 1000, 2000]

/** A failure that every attempt meets, and how the call ends. Waits are in milliseconds. */
export interface Row {
  readonly failure: string
  readonly step: Step
  readonly tag: string
  /** The waits of every operation but create. */
  readonly waits: ReadonlyArray<number>
  /** The waits of a create. */
  readonly createWaits: ReadonlyArray<number>
  /** Whether a mutation's error says that the change may have been made. */
  readonly open: boolean
}

const forEver = (
  failure: string,
  step: Step,
  tag: string,
  waits: ReadonlyArray<number>,
  createWaits: ReadonlyArray<number>,
  open: boolean,
): Row => ({ failure, step, tag, waits, createWaits, open })

/** The body of a rate limit's answer, as the API's documentation describes it. */
const limitBody = (message = "rate limit exceeded"): string =>
  JSON.stringify({ code: 8, message, details: [] })

const sevenTimesFour = [7000, 7000, 7000, 7000]

const timeouts = backoff.map((wait) => 30_000 + wait)
export const asked = (value: string): Record<string, string> => ({ "retry-after": value })

export const rows: ReadonlyArray<Row> = [
  forEver("400", { status: 400 }, "InvalidRequest", [], [], false),
  forEver("401", { status: 401 }, "Unauthorized", [], [], false),
  forEver("403", { status: 403 }, "Forbidden", [], [], false),
  forEver("404", { status: 404 }, "NotFound", [], [], false),
  forEver("429", { status: 429 }, "RateLimited", backoff, backoff, false),
  forEver("500", { status: 500 }, "ServerError", backoff, [], true),
  forEver("501", { status: 501 }, "ServerError", [], [], true),
  forEver("502", { status: 502 }, "ServerError", backoff, [], true),
  forEver("503", { status: 503 }, "ServerError", backoff, [], true),
  forEver("504", { status: 504 }, "ServerError", backoff, [], true),
  forEver(
    "302",
    { status: 302, headers: { location: "/elsewhere" } },
    "UnexpectedResponse",
    [],
    [],
    true,
  ),
  forEver(
    "302 with Retry-After",
    { status: 302, headers: { location: "/elsewhere", ...asked("3") } },
    "UnexpectedResponse",
    [],
    [],
    true,
  ),
  forEver("408", { status: 408 }, "UnexpectedResponse", [], [], true),
  forEver("409", { status: 409 }, "UnexpectedResponse", [], [], false),
  forEver("418", { status: 418 }, "UnexpectedResponse", [], [], false),
  forEver("200 with a wrong body", { status: 200, body: "[]" }, "UnexpectedResponse", [], [], true),
  forEver("a lost connection", "Connection", "TransportError", backoff, [], true),
  forEver("no answer in time", "Hang", "TransportError", timeouts, [], true),
  forEver(
    "429 with Retry-After",
    { status: 429, headers: asked("7") },
    "RateLimited",
    [7000, 7000, 7000, 7000],
    [7000, 7000, 7000, 7000],
    false,
  ),
  forEver(
    "429 with a Retry-After below the backoff",
    { status: 429, headers: asked("1") },
    "RateLimited",
    [1000, 1000, 1000, 2000],
    [1000, 1000, 1000, 2000],
    false,
  ),
  forEver(
    "429 with a Retry-After of zero",
    { status: 429, headers: asked("0") },
    "RateLimited",
    backoff,
    backoff,
    false,
  ),
  forEver(
    "429 with a negative Retry-After",
    { status: 429, headers: asked("-5") },
    "RateLimited",
    backoff,
    backoff,
    false,
  ),
  forEver(
    "429 with a malformed Retry-After",
    { status: 429, headers: asked("soon") },
    "RateLimited",
    backoff,
    backoff,
    false,
  ),
  forEver(
    "429 with the longest Retry-After that the policy waits for",
    { status: 429, headers: asked("60") },
    "RateLimited",
    [60_000, 60_000, 60_000, 60_000],
    [60_000, 60_000, 60_000, 60_000],
    false,
  ),
  forEver(
    "429 with a longer Retry-After",
    { status: 429, headers: asked("61") },
    "RateLimited",
    [],
    [],
    false,
  ),
  forEver(
    "429 with an absurd Retry-After",
    { status: 429, headers: asked("9".repeat(400)) },
    "RateLimited",
    [],
    [],
    false,
  ),
  forEver(
    "503 with Retry-After",
    { status: 503, headers: asked("3") },
    "ServerError",
    [3000, 3000, 3000, 3000],
    [],
    true,
  ),
  forEver(
    "501 with Retry-After",
    { status: 501, headers: asked("3") },
    "ServerError",
    [3000, 3000, 3000, 3000],
    [],
    true,
  ),
  forEver(
    "403 with Retry-After",
    { status: 403, headers: asked("3") },
    "Forbidden",
    [3000, 3000, 3000, 3000],
    [],
    false,
  ),
  // The documentation leaves the limit's status open.
  ...[400, 401, 403, 404, 409, 429, 499, 500, 501, 503, 599].map((status) =>
    forEver(
      `the documented limit under ${status}`,
      { status, headers: asked("7"), body: limitBody() },
      "RateLimited",
      sevenTimesFour,
      sevenTimesFour,
      false,
    )
  ),
  forEver(
    "the documented limit in another case, within a sentence",
    { status: 403, headers: asked("7"), body: limitBody("Rate Limit EXCEEDED for this user") },
    "RateLimited",
    sevenTimesFour,
    sevenTimesFour,
    false,
  ),
  forEver(
    "the documented limit with a longer Retry-After",
    { status: 503, headers: asked("61"), body: limitBody() },
    "RateLimited",
    [],
    [],
    false,
  ),
  forEver(
    "the limit's message under 403 without Retry-After",
    { status: 403, body: limitBody() },
    "Forbidden",
    [],
    [],
    false,
  ),
  forEver(
    "the limit's message under 503 with a malformed Retry-After",
    { status: 503, headers: asked("soon"), body: limitBody() },
    "ServerError",
    backoff,
    [],
    true,
  ),
  forEver(
    "503 with Retry-After and another message",
    { status: 503, headers: asked("7"), body: limitBody("rate limit service is down") },
    "ServerError",
    sevenTimesFour,
    [],
    true,
  ),
  forEver(
    "503 with Retry-After and the limit's words in a body that is no Status",
    { status: 503, headers: asked("7"), body: "<h1>rate limit exceeded</h1>" },
    "ServerError",
    sevenTimesFour,
    [],
    true,
  ),
  forEver(
    "302 with both signs of the limit",
    { status: 302, headers: { location: "/elsewhere", ...asked("7") }, body: limitBody() },
    "UnexpectedResponse",
    [],
    [],
    true,
  ),
]
