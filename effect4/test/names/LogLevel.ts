export * from "effect4/LogLevel"
export { isGreaterThanOrEqualTo as greaterThanEqual } from "effect4/LogLevel"
import type { LogLevel } from "effect4/LogLevel"

export const All: LogLevel = "All"
export const Debug: LogLevel = "Debug"
export const Warning: LogLevel = "Warn"
