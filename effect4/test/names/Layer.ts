export * from "../../names/Layer.ts"
export { effectContext as scopedContext } from "effect4/Layer"
import * as Effect from "effect4/Effect"
import * as Layer from "effect4/Layer"
import type * as Scope from "effect4/Scope"

export const memoize = <A, E, R>(
  self: Layer.Layer<A, E, R>,
): Effect.Effect<Layer.Layer<A, E, R>, never, Scope.Scope> =>
  Effect.map(
    Effect.all([Effect.scope, Layer.makeMemoMap]),
    ([scope, memoMap]) => Layer.fromBuild(() => Layer.buildWithMemoMap(self, memoMap, scope)),
  )
