/**
 * Where a program keeps the secret that it calls with.
 *
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { Credentials, type CredentialsOptions } from "../Credentials.ts"

/**
 * Holds one key's secret: a secret manager's entry, a file, a variable of a deployment.
 *
 * A read must show the latest write, its own or another's, as soon as that write has returned, and
 * a write must be whole or not at all (for a file: write another one and rename it). Errors are the
 * store's own and reach the caller as they are, so keep secrets out of them.
 *
 * @example
 * ```ts
 * import type { SecretStore } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import type * as Redacted from "effect/Redacted"
 * import * as Ref from "effect/Ref"
 *
 * const inMemory = (ref: Ref.Ref<Option.Option<Redacted.Redacted<string>>>): SecretStore => ({
 *   read: Ref.get(ref),
 *   write: (secret) => Ref.set(ref, Option.some(secret)),
 * })
 * ```
 */
export interface SecretStore<E = never, R = never> {
  /** None where nothing is held yet. */
  readonly read: Effect.Effect<Option.Option<Redacted.Redacted<string>>, E, R>
  /** Replaces what is held, whole or not at all. */
  readonly write: (secret: Redacted.Redacted<string>) => Effect.Effect<void, E, R>
}

const SecretStoreEmptyBase: new (
  fields: { readonly message: string },
) => Cause.YieldableError & { readonly _tag: "SecretStoreEmpty"; readonly message: string } = Data
  .TaggedError("SecretStoreEmpty")
/** The store holds no secret to call with. */
export class SecretStoreEmpty extends SecretStoreEmptyBase {}

/**
 * Calls with the secret that a store holds, read anew for every request and after a 401, so that a
 * rotation is followed at once.
 *
 * Building the layer fails with the store's error, or with `SecretStoreEmpty` where it holds
 * nothing. A read that fails later is logged as a warning, and the secret that was read last is
 * used. Where reading is slow, cache `read` for a while: after the predecessor is deleted, calls
 * with its secret fail.
 *
 * @example
 * ```ts
 * import { credentialsFromStore, listApiKeys, rotateApiKey } from "@effect-crdb/api-keys"
 * import type { SecretStore } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = (store: SecretStore) =>
 *   Effect.gen(function* () {
 *     yield* rotateApiKey({ store, grace: "0 seconds" }) // the key that this program calls with
 *     return yield* Stream.runCount(listApiKeys()) // with the new one
 *   }).pipe(Effect.provide(credentialsFromStore(store)))
 * ```
 */
export const credentialsFromStore = <E = never, R = never>(
  store: Pick<SecretStore<E, R>, "read">,
  options?: CredentialsOptions,
): Layer.Layer<Credentials, E | SecretStoreEmpty, R> =>
  Layer.unwrapEffect(Effect.gen(function* () {
    const first = yield* Effect.flatMap(
      store.read,
      Option.match({
        onNone: () => new SecretStoreEmpty({ message: "the secret store holds no secret" }),
        onSome: Effect.succeed,
      }),
    )
    const last = yield* Ref.make(first)
    const current = store.read.pipe(
      Effect.flatMap(
        Option.match({
          onNone: () => Ref.get(last),
          onSome: (secret) => Ref.updateAndGet(last, () => secret),
        }),
      ),
      // What the store's error holds is not ours to log.
      Effect.catchAll(() =>
        Effect.zipRight(
          Effect.logWarning("the secret store cannot be read: using what it held before"),
          Ref.get(last),
        )
      ),
    )
    return Credentials.layerApiKey(current, options)
  }))
