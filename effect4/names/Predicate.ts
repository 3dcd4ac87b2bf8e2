export * from "effect4/Predicate"
export { isReadonlyObject as isRecord } from "effect4/Predicate"
