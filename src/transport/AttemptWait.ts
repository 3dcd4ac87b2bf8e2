/**
 * What a client that holds requests back asks of the attempt that they are part of.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** What an attempt knows of a request that is held back. */
export interface AttemptWaitService {
  /** Waits, and then sends. An attempt's timeout leaves out the time in which its requests only wait. */
  readonly holdBack: <W, E, R, A, E2, R2>(
    wait: Effect.Effect<W, E, R>,
    send: (waited: W) => Effect.Effect<A, E2, R2>,
  ) => Effect.Effect<A, E | E2, R | R2>
  /** The request as it is to go out now, after a wait: with the token that is current by then. */
  readonly renewed: (
    request: HttpClientRequest.HttpClientRequest,
  ) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Whether it has had its turn already, and goes before those who still wait for theirs. */
  readonly hadTurn: boolean
}

const AttemptWaitReference: Context.ReferenceClass<
  AttemptWait,
  "@effect-crdb/AttemptWait",
  AttemptWaitService
> = Context.Reference<AttemptWait>()("@effect-crdb/AttemptWait", {
  defaultValue: (): AttemptWaitService => ({
    holdBack: Effect.flatMap,
    renewed: Effect.succeed,
    hadTurn: false,
  }),
})

/** What a client that holds requests back puts its waits into. */
export class AttemptWait extends AttemptWaitReference {}
