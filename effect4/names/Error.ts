export * from "effect4/PlatformError"
