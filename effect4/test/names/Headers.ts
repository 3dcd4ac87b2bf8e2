export * from "effect4/http/Headers"
export { CurrentRedactedNames as currentRedactedNames } from "effect4/http/Headers"
