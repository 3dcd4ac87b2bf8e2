export { CurrentLoggers as currentLoggers } from "effect4/References"
import type * as Context from "effect4/Context"
import type * as Effect from "effect4/Effect"

export const get = <A>(reference: Context.Reference<A>): Effect.Effect<A> => reference
