export * from "../../names/Config.ts"
export { Int as integer } from "effect4/Config"
