/**
 * Keeps what an HttpClient says of a request from showing the token in it.
 *
 * A platform's error keeps its request, and the request its `Authorization` header; a defect may
 * hold either. The client's own spans end with such errors, and with answers that hold the request.
 *
 * @module
 */
import * as Headers from "@effect/platform/Headers"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { identity } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { type Redact, redactStart } from "./redact.ts"

/**
 * Runs what an HttpClient does, in a fiber of its own: its spans show no secret, its fibers log no
 * failure, and its defects hold nothing but redacted text. `watched` sees the spans before they are
 * redacted.
 */
export const shielded = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  redact: Redact,
  watched: (tracer: Tracer.Tracer) => Tracer.Tracer,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(tracerInUse, (tracer) =>
    // A client that logs requests and answers: a server can put a secret into any header.
    FiberRef.set(Headers.currentRedactedNames, [/(?:)/]).pipe(
      // A fiber of the client's that fails would be logged with all that its failure holds.
      Effect.zipRight(FiberRef.set(FiberRef.unhandledErrorLogLevel, Option.none())),
      Effect.zipRight(
        FiberRef.update(
          DefaultServices.currentServices,
          Context.add(
            Tracer.Tracer,
            watched(tracer === defaultTracer ? tracer : redactingTracer(tracer, redact)),
          ),
        ),
      ),
      // What the default tracer keeps, none but the client itself can see.
      tracer === defaultTracer ? identity : Effect.zipRight(
        // A client can write its request on the span that it finds.
        FiberRef.update(FiberRef.currentContext, withRedactingSpan(redact)),
      ),
      Effect.zipRight(FiberRef.set(FiberRef.currentTracerEnabled, true)),
      Effect.zipRight(withRedactedDefects(redact)(effect)),
    ))

const withRedactingSpan =
  (redact: Redact) => (context: Context.Context<never>): Context.Context<never> =>
    Option.match(Context.getOption(context, Tracer.ParentSpan), {
      onNone: () => context,
      onSome: (span) =>
        span._tag === "Span"
          ? Context.add(context, Tracer.ParentSpan, redactingSpan(span, redact))
          : context,
    })

// What a client sends is seen by its spans: where the program has turned them off, they go nowhere.
const tracerInUse: Effect.Effect<Tracer.Tracer> = Effect.zipWith(
  FiberRef.get(FiberRef.currentTracerEnabled),
  Effect.tracer,
  (isEnabled, tracer) => isEnabled ? tracer : defaultTracer,
)

const defaultTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

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
  Tracer.make({
    span: (name, parent, context, links, startTime, kind, options) =>
      redactingSpan(
        tracer.span(redact(name), parent, context, links, startTime, kind, {
          ...options,
          attributes: redactAttributes(options?.attributes ?? {}, redact),
        }),
        redact,
      ),
    context: (execution, fiber) => tracer.context(execution, fiber),
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
  return Object.assign(Object.create(span), redacting)
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
