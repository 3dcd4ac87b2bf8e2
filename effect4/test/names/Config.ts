export * from "effect4/Config"
export { Int as integer, String as string } from "effect4/Config"
