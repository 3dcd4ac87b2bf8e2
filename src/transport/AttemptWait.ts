/**
 * Lets a client hold requests back without using up the time of their attempt.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** What an attempt offers to a client that holds its requests back. */
export interface AttemptWaitService {
  /**
   * Waits, then sends. The attempt's timeout leaves out the time in which its requests only wait.
   */
  readonly holdBack: <W, E, R, A, E2, R2>(
    wait: Effect.Effect<W, E, R>,
    send: (waited: W) => Effect.Effect<A, E2, R2>,
  ) => Effect.Effect<A, E | E2, R | R2>
  /** The request with the token that is current now, after a wait. */
  readonly renewed: (
    request: HttpClientRequest.HttpClientRequest,
  ) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /**
   * Whether the call has had a turn already. It then goes before calls that still wait for theirs.
   */
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

/** The attempt that a request belongs to. A client that holds requests back waits through it. */
export class AttemptWait extends AttemptWaitReference {}
