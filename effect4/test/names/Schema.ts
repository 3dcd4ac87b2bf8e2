export * from "../../names/Schema.ts"
export { decodeUnknownResult as decodeUnknownEither } from "effect4/Schema"
