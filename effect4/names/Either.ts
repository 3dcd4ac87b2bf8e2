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
