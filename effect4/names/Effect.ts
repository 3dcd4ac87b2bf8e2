export * from "effect4/Effect"
export {
  andThen as zipRight,
  callback as async,
  catch as catchAll,
  catchCause as catchAllCause,
  context as runtime,
  contextWith as contextWithEffect,
  forkChild as fork,
  forkDetach as forkDaemon,
  fromNullishOr as fromNullable,
  result as either,
  tap as zipLeft,
} from "effect4/Effect"
export { make as makeSemaphore } from "effect4/Semaphore"
import type * as Cause from "effect4/Cause"
import * as Effect from "effect4/Effect"
import type * as Duration from "effect4/Duration"
import * as Fiber from "effect4/Fiber"
import { dual } from "effect4/Function"
import type * as Tracer from "effect4/Tracer"

export const mapErrorCause = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  f: (cause: Cause.Cause<E>) => Cause.Cause<E2>,
): Effect.Effect<A, E2, R> => Effect.catchCause(self, (cause) => Effect.failCause(f(cause)))

export const dieMessage = (message: string): Effect.Effect<never> => Effect.die(new Error(message))

export const timeoutFail: {
  <E2>(
    options: { readonly duration: Duration.Input; readonly onTimeout: () => E2 },
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>
  <A, E, R, E2>(
    self: Effect.Effect<A, E, R>,
    options: { readonly duration: Duration.Input; readonly onTimeout: () => E2 },
  ): Effect.Effect<A, E | E2, R>
} = /* @__PURE__ */ dual(
  2,
  <A, E, R, E2>(
    self: Effect.Effect<A, E, R>,
    { duration, onTimeout }: { readonly duration: Duration.Input; readonly onTimeout: () => E2 },
  ): Effect.Effect<A, E | E2, R> =>
    Effect.timeoutOrElse(self, { duration, orElse: () => Effect.fail(onTimeout()) }),
)

export const timeoutTo = <A, B, B2>(options: {
  readonly duration: Duration.Input
  readonly onSuccess: (value: A) => B
  readonly onTimeout: () => B2
}) =>
<E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<B | B2, E, R> =>
  Effect.timeoutOrElse(Effect.map(self, options.onSuccess), {
    duration: options.duration,
    orElse: () => Effect.sync(options.onTimeout),
  })

export const disconnect = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(restore(self), { startImmediately: true }),
      (fiber) =>
        Effect.onInterrupt(
          restore(Fiber.join(fiber)),
          () => Effect.asVoid(Effect.forkDetach(Fiber.interrupt(fiber))),
        ),
    )
  )

export const withSpan: {
  (
    name: string,
    options?: Tracer.SpanOptions,
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    name: string,
    options?: Tracer.SpanOptions,
  ): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>>
} = /* @__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    name: string,
    options?: Tracer.SpanOptions,
  ): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> => Effect.withSpan(self, name, options),
)
