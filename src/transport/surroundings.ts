/**
 * Sets what an HttpClient runs with, in its fiber.
 *
 * @module
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { ClientSurroundings } from "./ClientSurroundings.ts"

/**
 * Runs an effect with surroundings that are made from the current tracer. Spans are on, they show
 * no header, and failures of fibers are not logged. Run it as the last effect of its own fiber: it
 * does not restore anything.
 */
export const inSurroundings = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  surroundings: (tracer: Tracer.Tracer, isDefault: boolean) => ClientSurroundings,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(tracerInUse, (own) => {
    const { span, tracer, tracerDisabledWhen } = surroundings(own, own === defaultTracer)
    // The fiber ends with the effect, so nothing needs to be restored.
    return FiberRef.update(HttpClient.currentTracerDisabledWhen, tracerDisabledWhen).pipe(
      // A client may log requests and answers, and a server can put a secret into any header.
      Effect.zipRight(FiberRef.set(Headers.currentRedactedNames, [/(?:)/])),
      // If a fiber of the client fails, Effect would log everything that its failure holds.
      Effect.zipRight(FiberRef.set(FiberRef.unhandledErrorLogLevel, Option.none())),
      Effect.zipRight(
        FiberRef.update(
          DefaultServices.currentServices,
          Context.add(Tracer.Tracer, tracer),
        ),
      ),
      span === undefined
        ? identity
        : Effect.zipRight(FiberRef.update(FiberRef.currentContext, withSpan(span))),
      Effect.zipRight(FiberRef.set(FiberRef.currentTracerEnabled, true)),
      Effect.zipRight(effect),
    )
  })

const withSpan =
  (change: (own: Tracer.Span) => Tracer.Span) =>
  (context: Context.Context<never>): Context.Context<never> =>
    Option.match(Context.getOption(context, Tracer.ParentSpan), {
      onNone: () => context,
      onSome: (span) =>
        span._tag === "Span" ? Context.add(context, Tracer.ParentSpan, change(span)) : context,
    })

// The module sees what a client sends by its spans. If the program has turned spans off, they go to
// the default tracer, which exports nothing.
const tracerInUse: Effect.Effect<Tracer.Tracer> = Effect.zipWith(
  FiberRef.get(FiberRef.currentTracerEnabled),
  Effect.tracer,
  (isEnabled, tracer) => isEnabled ? tracer : defaultTracer,
)

const defaultTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)
