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
export type { Operation } from "./operation.ts"
export { MaxResponseBytes } from "./transport/response.ts"
export { RetryPolicy, withRetryPolicy } from "./transport/RetryPolicy.ts"
export type {
  BackoffOptions,
  RetryPolicyOptions,
  RetryPolicyService,
} from "./transport/RetryPolicy.ts"
export { throttled, throttledByStore } from "./transport/throttle.ts"
export type { ThrottleOptions } from "./transport/throttle.ts"
export { ThrottleStore } from "./transport/ThrottleStore.ts"
export type { Bucket, RateLimiter, Taken, ThrottleStoreService } from "./transport/ThrottleStore.ts"
export { apiKeyIdOf } from "./lifecycle/apiKeyIdOf.ts"
export { createApiKeyOnce } from "./lifecycle/createApiKeyOnce.ts"
export { ApiKeyNotCreated } from "./lifecycle/LeftBehind.ts"
export type { ApiKeyNotCreatedFields, LeftBehind } from "./lifecycle/LeftBehind.ts"
export { rotateApiKey } from "./lifecycle/rotation/rotateApiKey.ts"
export type {
  RotateApiKeyOptions,
  Rotation,
  RotationOptions,
} from "./lifecycle/rotation/Rotation.ts"
export { rotateApiKeys } from "./lifecycle/rotation/rotateApiKeys.ts"
export type {
  RotateApiKeysOptions,
  RotationOutcome,
  RotationProgress,
} from "./lifecycle/rotation/rotateApiKeys.ts"
export { RotationFailed } from "./lifecycle/rotation/RotationFailed.ts"
export type {
  RotationFailedFields,
  RotationFailedReason,
} from "./lifecycle/rotation/RotationFailed.ts"
export type { RotationStep } from "./lifecycle/rotation/RotationStep.ts"
export type { Obstacle as RotationObstacle } from "./lifecycle/rotation/decide.ts"
export { fileSecretStore } from "./lifecycle/fileSecretStore.ts"
export { credentialsFromStore, SecretStoreEmpty } from "./lifecycle/SecretStore.ts"
export type { SecretStore } from "./lifecycle/SecretStore.ts"
export { sweepExpiredApiKeys } from "./lifecycle/sweepExpiredApiKeys.ts"
export type { SweepOptions } from "./lifecycle/sweepExpiredApiKeys.ts"
export { temporaryApiKey } from "./lifecycle/temporaryApiKey.ts"
export type { TemporaryApiKeyInput } from "./lifecycle/temporaryApiKey.ts"
export { parseMarked } from "./lifecycle/mark.ts"
export type { Mark, MarkedName } from "./lifecycle/mark.ts"
