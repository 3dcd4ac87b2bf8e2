/**
 * What an HttpClient finds in the fiber that it runs in.
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
 * Runs an effect to the end of a fiber of its own, in surroundings that are made of the tracer in use:
 * spans are on, no header is shown in them, and no failure of a fiber is logged.
 */
export const inSurroundings = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  surroundings: (tracer: Tracer.Tracer, isDefault: boolean) => ClientSurroundings,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(tracerInUse, (own) => {
    const { span, tracer, tracerDisabledWhen } = surroundings(own, own === defaultTracer)
    // What is set in a fiber of its own need not be set back.
    return FiberRef.update(HttpClient.currentTracerDisabledWhen, tracerDisabledWhen).pipe(
      // A client that logs requests and answers: a server can put a secret into any header.
      Effect.zipRight(FiberRef.set(Headers.currentRedactedNames, [/(?:)/])),
      // A fiber of the client's that fails would be logged with all that its failure holds.
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

// What a client sends is seen by its spans: where the program has turned them off, they go nowhere.
const tracerInUse: Effect.Effect<Tracer.Tracer> = Effect.zipWith(
  FiberRef.get(FiberRef.currentTracerEnabled),
  Effect.tracer,
  (isEnabled, tracer) => isEnabled ? tracer : defaultTracer,
)

const defaultTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)
