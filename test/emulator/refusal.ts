import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** What an Effect that dies of a wrong argument says of it; nothing where it does not. */
export const refusal = <A>(effect: Effect.Effect<A>): Effect.Effect<string | undefined> =>
  effect.pipe(
    Effect.as(undefined),
    Effect.catchAllDefect((defect) =>
      Cause.isIllegalArgumentException(defect) ? Effect.succeed(defect.message) : Effect.die(defect)
    ),
  )
