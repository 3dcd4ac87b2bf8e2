export * from "effect4/http/HttpBody"
export { jsonUnsafe as unsafeJson } from "effect4/http/HttpBody"
