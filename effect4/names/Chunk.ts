export * from "effect4/Chunk"
export { fromArrayUnsafe as unsafeFromArray } from "effect4/Chunk"
