/**
 * The API Keys API in memory: a test double. Call it from your program, or serve it to a program in
 * any language.
 *
 * It follows the documented rules: bearer authentication by a key's secret or a JWT, roles, keyset
 * pagination, lists as of an earlier time, error bodies and the rate limit. Where the service's
 * behaviour is not documented, {@link EmulatorOptions} has an option. These guesses have no option:
 *
 * - An empty name is refused.
 * - An update without a name changes nothing.
 * - A page token does not hold the time of the first page.
 * - `as_of_time` may lie in the future.
 * - A request is checked in this order: token, rate limit, version, role, size, fields.
 * - A body of more than 1 MiB is refused with a 413.
 *
 * It has no real secrets: anyone who knows the seed knows every token.
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
