// In Effect 4, all that a fiber runs with is in its context, and a program can turn off a client's
// spans there.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { ClientSurroundings } from "./ClientSurroundings.ts"

export const inSurroundings = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  surroundings: (tracer: Tracer.Tracer, isDefault: boolean) => ClientSurroundings,
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const { context } = fiber
    const isPropagated = !Context.get(context, Tracer.DisablePropagation)
    const isTraced = Context.get(context, References.TracerEnabled)
    const own = isPropagated && isTraced ? Context.get(context, Tracer.Tracer) : Tracer.nativeTracer
    const { span, tracer, tracerDisabledWhen } = surroundings(own, own === Tracer.nativeTracer)
    const outer = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
    let changed = context.pipe(
      Context.add(
        HttpClient.TracerDisabledWhen,
        tracerDisabledWhen(Context.get(context, HttpClient.TracerDisabledWhen)),
      ),
      Context.add(HttpClient.TracerHeaderFilter, () => false),
      Context.add(Headers.CurrentRedactedNames, [/(?:)/]),
      Context.add(References.UnhandledLogLevel, undefined),
      Context.add(Tracer.Tracer, tracer),
    )
    // Sets only what differs, since each setting makes all lookups slower.
    if (!isTraced) changed = Context.add(changed, References.TracerEnabled, true)
    if (!isPropagated) {
      changed = changed.pipe(
        Context.add(Tracer.DisablePropagation, false),
        Context.add(HttpClient.TracerPropagationEnabled, false),
      )
    }
    if (span !== undefined && outer?._tag === "Span") {
      changed = Context.add(changed, Tracer.ParentSpan, span(outer))
    }
    // The fiber ends with the effect, so nothing needs to be restored.
    fiber.setContext(changed)
    return effect
  })
