export * from "effect4/Scope"
export { provide as extend } from "effect4/Scope"
