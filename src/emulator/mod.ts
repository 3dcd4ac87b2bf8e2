/**
 * The API Keys API in memory: a double for tests, in a program or served to any language.
 *
 * It keeps the documented rules: bearer authentication by keys' secrets and by JWTs, roles, keyset
 * pagination, lists as of an earlier time, error bodies and the rate limit. Where the service's
 * behaviour is not documented, {@link EmulatorOptions} has an option. Guessed without an option
 * are: that empty names are refused, that an update without a name changes nothing, that page
 * tokens do not hold the time of the first page, that `as_of_time` may lie ahead, and
 * in which order a request is checked (token, rate limit, version, role, size, fields), and
 * that a body of more than 1 MiB is refused by a 413.
 *
 * Nothing in it is a secret: whoever knows the seed knows every token.
 *
 * @example
 * ```ts
 * import { createApiKey } from "@effect-crdb/api-keys"
 * import * as Emulator from "@effect-crdb/api-keys/emulator"
 * import * as Effect from "effect/Effect"
 *
 * const test = Effect.gen(function* () {
 *   const emulator = yield* Emulator.Emulator
 *   const { serviceAccountId } = emulator.withoutRole
 *   yield* createApiKey({ name: "ci", serviceAccountId })
 *   const [event] = yield* emulator.history
 *   console.log(event) // { _tag: "Created", name: "ci", … }
 * }).pipe(Effect.provide(Emulator.layer()))
 * ```
 *
 * @module
 */
export type { AdminRole, Operation } from "../operation.ts"
export {
  Emulator,
  type EmulatorService,
  type Identity,
  type KeyEvent,
  layer,
  make,
} from "./Emulator.ts"
export { type Delay, type Fault, FaultPlan, type FaultRule } from "./FaultPlan.ts"
export type {
  ApiKeyOptions,
  EmulatorOptions,
  JwtOptions,
  ServiceAccountOptions,
} from "./Options.ts"
export { openApi } from "./openApi.ts"
export type { Role, ServiceAccount } from "./Organization.ts"
export type { RateLimitOptions } from "./RateLimit.ts"
export type { ErrorBodies } from "./Reply.ts"
export type { Outcome, SeenRequest } from "./RequestLog.ts"
