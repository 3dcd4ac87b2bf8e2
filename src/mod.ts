/**
 * The CockroachDB Cloud API Keys API as Effect programs.
 *
 * @module
 */
export * from "./ApiKeyError.ts"
export { ApiKey, ApiKeyId, ApiKeyPage, CreatedApiKey, ServiceAccountId } from "./ApiKey.ts"
export type { ApiKeyEncoded, ApiKeyPageEncoded, CreatedApiKeyEncoded } from "./ApiKey.ts"
export { Credentials } from "./Credentials.ts"
export type { CredentialsOptions, CredentialsService, JwtOptions, Token } from "./Credentials.ts"
export * from "./endpoints/createApiKey.ts"
export * from "./endpoints/deleteApiKey.ts"
export * from "./endpoints/getApiKey.ts"
export * from "./endpoints/listApiKeys.ts"
export * from "./endpoints/updateApiKey.ts"
export { MaxResponseBytes } from "./transport/response.ts"
export { RetryPolicy, withRetryPolicy } from "./transport/RetryPolicy.ts"
export type {
  BackoffOptions,
  RetryPolicyOptions,
  RetryPolicyService,
} from "./transport/RetryPolicy.ts"
export { throttled, throttledByStore, ThrottleStore } from "./transport/throttle.ts"
export type {
  Bucket,
  RateLimiter,
  Taken,
  ThrottleOptions,
  ThrottleStoreService,
} from "./transport/throttle.ts"
