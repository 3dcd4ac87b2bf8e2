/**
 * What surrounds an effect.
 *
 * @module
 */
import type * as Effect from "effect/Effect"

/** Runs an effect within something else: between a beginning and an end, or when its turn comes. */
export type Around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
