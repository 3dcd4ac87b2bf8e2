export * from "effect4/Fiber"
export { type Fiber as RuntimeFiber } from "effect4/Fiber"
