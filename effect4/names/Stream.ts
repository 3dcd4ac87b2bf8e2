export * from "effect4/Stream"
export { catch as catchAll, unwrap as unwrapScoped } from "effect4/Stream"
