/**
 * Pauses between attempts as a schedule says. In Effect 4, a schedule has steps instead of a
 * driver.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { wholeMillis } from "../waiting/wholeMillis.ts"

/**
 * Begins a schedule. The function that it makes pauses before another attempt, and fails when the
 * schedule ends.
 */
export const makePacing = <Out, In>(
  schedule: Schedule.Schedule<Out, In>,
): Effect.Effect<(input: In) => Effect.Effect<unknown, unknown>> =>
  Schedule.toStepWithSleep(
    Schedule.modifyDelay(
      schedule,
      ({ duration }) => Effect.succeed(wholeMillis(duration)),
    ),
  )
