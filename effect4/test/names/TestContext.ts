export { layer as TestContext } from "./TestClock.ts"
