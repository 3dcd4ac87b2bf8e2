export * from "effect4/Layer"
export { unwrap as unwrapEffect } from "effect4/Layer"
