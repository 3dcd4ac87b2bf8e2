export * from "effect4/DateTime"
export { makeUnsafe as unsafeMake, nowUnsafe as unsafeNow } from "effect4/DateTime"
