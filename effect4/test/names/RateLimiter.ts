export * from "effect4/persistence/RateLimiter"
