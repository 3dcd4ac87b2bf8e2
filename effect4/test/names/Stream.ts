export * from "../../names/Stream.ts"
export { fromEffectRepeat as repeatEffect } from "effect4/Stream"
