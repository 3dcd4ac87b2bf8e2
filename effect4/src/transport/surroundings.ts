// Here what a fiber finds is all in its context, and a program can turn off a client's spans there.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

export interface Surroundings {
  readonly tracerDisabledWhen: (
    own: Predicate.Predicate<HttpClientRequest.HttpClientRequest>,
  ) => Predicate.Predicate<HttpClientRequest.HttpClientRequest>
  readonly tracer: Tracer.Tracer
  readonly span: ((own: Tracer.Span) => Tracer.Span) | undefined
}

export const inSurroundings = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  surroundings: (tracer: Tracer.Tracer, isDefault: boolean) => Surroundings,
): Effect.Effect<A, E, R> =>
  Effect.updateContext(effect, (context: Context.Context<R>): Context.Context<R> => {
    const isPropagated = !Context.get(context, Tracer.DisablePropagation)
    const own = isPropagated && Context.get(context, References.TracerEnabled)
      ? Context.get(context, Tracer.Tracer)
      : Tracer.nativeTracer
    const { span, tracer, tracerDisabledWhen } = surroundings(own, own === Tracer.nativeTracer)
    const outer = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
    return context.pipe(
      Context.add(
        HttpClient.TracerDisabledWhen,
        tracerDisabledWhen(Context.get(context, HttpClient.TracerDisabledWhen)),
      ),
      Context.add(Headers.CurrentRedactedNames, [/(?:)/]),
      Context.add(References.UnhandledLogLevel, undefined),
      Context.add(Tracer.Tracer, tracer),
      Context.add(References.TracerEnabled, true),
      Context.add(Tracer.DisablePropagation, false),
      Context.add(
        HttpClient.TracerPropagationEnabled,
        isPropagated && Context.get(context, HttpClient.TracerPropagationEnabled),
      ),
      span !== undefined && outer?._tag === "Span"
        ? Context.add(Tracer.ParentSpan, span(outer))
        : identity,
    )
  })
