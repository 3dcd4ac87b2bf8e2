export * from "../../names/Context.ts"
export { Service as GenericTag } from "effect4/Context"
