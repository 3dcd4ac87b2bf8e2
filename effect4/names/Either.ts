export * from "effect4/Result"
export {
  fail as left,
  type Failure as Left,
  fromNullishOr as fromNullable,
  getSuccess as getRight,
  isFailure as isLeft,
  isSuccess as isRight,
  mapError as mapLeft,
  type Result as Either,
  succeed as right,
  type Success as Right,
} from "effect4/Result"
import { dual } from "effect4/Function"
import * as Result from "effect4/Result"

export const match: {
  <E, B, A, C>(options: {
    readonly onLeft: (error: E) => B
    readonly onRight: (value: A) => C
  }): (self: Result.Result<A, E>) => B | C
  <A, E, B, C>(
    self: Result.Result<A, E>,
    options: {
      readonly onLeft: (error: E) => B
      readonly onRight: (value: A) => C
    },
  ): B | C
} = /* @__PURE__ */ dual(
  2,
  <A, E, B, C>(
    self: Result.Result<A, E>,
    { onLeft, onRight }: {
      readonly onLeft: (error: E) => B
      readonly onRight: (value: A) => C
    },
  ): B | C => Result.match(self, { onFailure: onLeft, onSuccess: onRight }),
)
