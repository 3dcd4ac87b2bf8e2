/**
 * Keeps an HttpClient from showing the token of a request.
 *
 * A platform's error holds its request, and the request holds its `Authorization` header. A defect
 * may hold either. The client's own spans end with such errors, and with answers that hold the
 * request.
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
 * Runs an HttpClient so that its spans show no secret, its fibers log no failure, and its defects
 * hold only redacted text. The sendings' tracer sees the spans before they are redacted. Run it as
 * the last effect of its own fiber.
 */
export const shielded = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  redact: Redact,
  sendings: Pick<Sendings, "tracer" | "tracerDisabledWhen">,
): Effect.Effect<A, E, R> =>
  inSurroundings(withRedactedDefects(redact)(effect), (own, isDefault) => ({
    tracerDisabledWhen: sendings.tracerDisabledWhen,
    // Only the client itself can see what the default tracer keeps.
    tracer: sendings.tracer(isDefault ? own : redactingTracer(own, redact)),
    // A client can write its request to the span that it runs in.
    span: isDefault ? undefined : (span) => redactingSpan(span, redact),
  }))

/** Replaces each defect with its redacted text. */
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

/** Makes an error that says the same as another one, without the values that it holds. */
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
    // A getter threw, so nothing of the error can be shown.
  }
  const message = typeof thrown === "string" ? thrown : `the HttpClient threw ${typeof thrown}`
  return { name: "Error", message, stack: `Error: ${message}`, cause: undefined }
}

const redactingTracer = (tracer: Tracer.Tracer, redact: Redact): Tracer.Tracer =>
  tracerOver(tracer, {
    before: { name: redact, attributes: (attributes) => redactAttributes(attributes, redact) },
    span: (span) => redactingSpan(span, redact),
  })

// Keeps everything else that a tracer's spans have, since the tracer may look for it in a parent.
const redactingSpan = (span: Tracer.Span, redact: Redact): Tracer.Span => {
  const redacting: Pick<Tracer.Span, "attribute" | "event" | "end"> = {
    attribute: (key, value) => {
      // Servers choose the names and the values of headers, so neither is safe to show.
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
  // A span may make these when it is first asked. Inherited getters would make others here.
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

// Some values throw when they turn into text, or nest deeper than the stack reaches.
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
