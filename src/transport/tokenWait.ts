/**
 * Waits until a request may go out: first for the gate to open, then in line for a token.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import { entering } from "./atGate.ts"
import type { Entering, Gate } from "../waiting/gate.ts"
import { makeLine } from "../waiting/line.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import { wholeMillis } from "../waiting/wholeMillis.ts"
import type { Bucket, Taken, ThrottleStoreService } from "./ThrottleStore.ts"

/** A token that was taken. */
export type TakenToken = Extract<Taken, { readonly _tag: "Taken" }>

/**
 * Waits for a token. It calls `onTaken` at the moment when it takes one, so a wait that is cut off
 * right after that does not lose it.
 */
export type TokenWait = (
  hadTurn: boolean,
  onTaken: (token: TakenToken) => void,
) => Effect.Effect<void>

/** Makes the one line in which all callers wait for the tokens of a bucket. */
export const makeTokenWait = (
  store: ThrottleStoreService,
  bucket: Bucket,
  gate: Gate,
): TokenWait => {
  const line = makeLine()

  const take = (onTaken: (token: TakenToken) => void): Effect.Effect<Taken> =>
    Effect.uninterruptible(Effect.map(store.take(bucket), (taken) => {
      if (taken._tag === "Taken") onTaken(taken)
      return taken
    }))

  // Gives up its turn when the gate shuts: it may be ready to wait longer than the callers behind
  // it.
  const isTaken = (
    one: Effect.Effect<Entering>,
    onTaken: (token: TakenToken) => void,
  ): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      while (!(yield* gate.isShut(yield* one))) {
        const taken = yield* take(onTaken)
        if (taken._tag === "Taken") return true
        yield* Effect.sleep(wholeMillis(taken.retryAfter))
      }
      return false
    })

  return (hadTurn, onTaken) =>
    Effect.gen(function* () {
      // `maxRetryAfter` bounds the time at the gate, not the time in line for a token.
      let waited = 0
      do {
        const start = yield* currentMonotonicMillis
        yield* gate.enter(entering(hadTurn, waited))
        waited += (yield* currentMonotonicMillis) - start
      } while (!(yield* line.turn(isTaken(entering(hadTurn, waited), onTaken), hadTurn)))
    })
}
