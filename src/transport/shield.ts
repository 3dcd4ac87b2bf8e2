/**
 * Keeps what an HttpClient says of a request from showing the token in it.
 *
 * A platform's error keeps its request, and the request its `Authorization` header; a defect may
 * hold either. The client's own spans end with such errors, and with answers that hold the request.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import type * as Tracer from "effect/Tracer"
import { type Redact, redactStart } from "./redact.ts"
import type { Sendings } from "./sendings.ts"
import { inSurroundings } from "./surroundings.ts"
import { tracerOver } from "./tracerOver.ts"

/**
 * Runs what an HttpClient does, in a fiber of its own: its spans show no secret, its fibers log no
 * failure, and its defects hold nothing but redacted text. The sendings' tracer sees the spans before
 * they are redacted.
 */
export const shielded = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  redact: Redact,
  sendings: Pick<Sendings, "tracer" | "tracerDisabledWhen">,
): Effect.Effect<A, E, R> =>
  inSurroundings(withRedactedDefects(redact)(effect), (own, isDefault) => ({
    tracerDisabledWhen: sendings.tracerDisabledWhen,
    // What the default tracer keeps, none but the client itself can see.
    tracer: sendings.tracer(isDefault ? own : redactingTracer(own, redact)),
    // A client can write its request on the span that it finds.
    span: isDefault ? undefined : (span) => redactingSpan(span, redact),
  }))

/** Lets defects through as redacted text alone. */
export const withRedactedDefects =
  (redact: Redact) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.mapErrorCause(effect, (cause) => mapCause(cause, Cause.fail, redact))

const mapCause = <E, E2>(
  cause: Cause.Cause<E>,
  onFail: (error: E) => Cause.Cause<E2>,
  redact: Redact,
): Cause.Cause<E2> =>
  Cause.match(cause, {
    onEmpty: Cause.empty,
    onFail,
    onDie: (defect) => Cause.die(describe(defect, redact)),
    onInterrupt: Cause.interrupt,
    onSequential: Cause.sequential,
    onParallel: Cause.parallel,
  })

// A client's error can hold a whole answer.
const maxLength = 16 * 1024

/** An error that says what another says, without what it holds. */
const describe = (thrown: unknown, redact: Redact, depth: number = 5): Error => {
  const { cause, message, name, stack } = read(thrown)
  const show = (text: string) => redactStart(text, maxLength, redact)
  const described = new Error(show(message))
  described.stack = show(stack)
  Object.defineProperty(described, "name", { value: show(name) })
  if (cause !== undefined && depth > 1) {
    Object.defineProperty(described, "cause", { value: describe(cause, redact, depth - 1) })
  }
  return described
}

const read = (thrown: unknown) => {
  try {
    if (thrown instanceof Error) {
      const { cause, message, name, stack } = thrown
      return {
        name: String(name),
        message: String(message),
        stack: String(stack ?? `${name}: ${message}`),
        cause,
      }
    }
  } catch {
    // A getter that throws: nothing of it can be told.
  }
  const message = typeof thrown === "string" ? thrown : `the HttpClient threw ${typeof thrown}`
  return { name: "Error", message, stack: `Error: ${message}`, cause: undefined }
}

const redactingTracer = (tracer: Tracer.Tracer, redact: Redact): Tracer.Tracer =>
  tracerOver(tracer, {
    before: { name: redact, attributes: (attributes) => redactAttributes(attributes, redact) },
    span: (span) => redactingSpan(span, redact),
  })

// Whatever else a tracer's spans have, and look for in a parent, stays as it is.
const redactingSpan = (span: Tracer.Span, redact: Redact): Tracer.Span => {
  const redacting: Pick<Tracer.Span, "attribute" | "event" | "end"> = {
    attribute: (key, value) => {
      // Servers choose names and values of headers; all that could be shown is that there are some.
      if (!isHeader(key)) span.attribute(redact(key), redactAttribute(value, redact))
    },
    event: (name, startTime, attributes = {}) =>
      span.event(redact(name), startTime, redactAttributes(attributes, redact)),
    end: (endTime, exit) =>
      span.end(
        endTime,
        Exit.isSuccess(exit) ? Exit.void : Exit.failCause(
          mapCause(exit.cause, (error) => Cause.fail(describe(error, redact)), redact),
        ),
      ),
  }
  // A span can make its own when they are first asked for, and would make others of them here.
  const own = {
    spanId: { get: () => span.spanId },
    traceId: { get: () => span.traceId },
    attributes: { get: () => span.attributes },
  }
  return Object.assign(Object.create(span, own), redacting)
}

const isHeader = (key: string): boolean => /^http\.(?:request|response)\.header\./.test(key)

const redactAttribute = (value: unknown, redact: Redact): unknown =>
  typeof value === "number" || typeof value === "boolean"
    ? value
    : redactStart(textOf(value), maxLength, redact)

// What throws when text is made of it, or is nested deeper than the stack reaches, has none.
const textOf = (value: unknown): string => {
  try {
    return Inspectable.toStringUnknown(value)
  } catch {
    return `an unreadable ${typeof value}`
  }
}

const redactAttributes = (
  attributes: Readonly<Record<string, unknown>>,
  redact: Redact,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [redact(key), redactAttribute(value, redact)]),
  )
