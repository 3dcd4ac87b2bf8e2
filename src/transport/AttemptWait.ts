/**
 * Keeps the time that a request is held back, before it is sent, out of its attempt's timeout.
 *
 * @module
 */
import * as Context from "effect/Context"
import { identity } from "effect/Function"
import type * as Effect from "effect/Effect"

/** Marks an effect as a wait before the sending of the request at hand. */
export type AttemptWaitService = <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const AttemptWaitReference: Context.ReferenceClass<
  AttemptWait,
  "@effect-crdb/AttemptWait",
  AttemptWaitService
> = Context.Reference<AttemptWait>()("@effect-crdb/AttemptWait", {
  defaultValue: (): AttemptWaitService => identity,
})

/** What a client that holds requests back puts its waits into. */
export class AttemptWait extends AttemptWaitReference {}
