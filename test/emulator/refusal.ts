import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** The message of an Effect that dies of a wrong argument; undefined if it does not die. */
export const refusal = <A>(effect: Effect.Effect<A>): Effect.Effect<string | undefined> =>
  effect.pipe(
    Effect.as(undefined),
    Effect.catchAllDefect((defect) =>
      Cause.isIllegalArgumentException(defect) ? Effect.succeed(defect.message) : Effect.die(defect)
    ),
  )
