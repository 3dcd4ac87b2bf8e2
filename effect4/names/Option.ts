export * from "effect4/Option"
export { flatMapNullishOr as flatMapNullable, fromNullishOr as fromNullable } from "effect4/Option"
