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
 * Holds one key's secret: in a secret manager, in a file, or in a deployment's variable.
 *
 * As soon as a write returns, every read must show it, whoever wrote it. A write must happen whole
 * or not at all (for a file: write another file and rename it). Your program gets the store's own
 * errors as they are, so keep secrets out of them.
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
  /** None if the store holds nothing yet. */
  readonly read: Effect.Effect<Option.Option<Redacted.Redacted<string>>, E, R>
  /** Replaces the secret, whole or not at all. */
  readonly write: (secret: Redacted.Redacted<string>) => Effect.Effect<void, E, R>
  /**
   * Fails if a write would, as far as it can tell without one. A rotation runs it before it makes a
   * key. Leave it out if only a write can tell.
   */
  readonly check?: Effect.Effect<void, E, R> | undefined
}

const SecretStoreEmptyBase: new (
  fields: { readonly message: string },
) => Cause.YieldableError & { readonly _tag: "SecretStoreEmpty"; readonly message: string } = Data
  .TaggedError("SecretStoreEmpty")
/** The store holds no secret to call with. */
export class SecretStoreEmpty extends SecretStoreEmptyBase {}

/**
 * Calls with the secret that a store holds. It reads the store for every request, and again after a
 * 401, so it follows a rotation at once.
 *
 * Building the layer fails with the store's error, or with `SecretStoreEmpty` if the store holds
 * nothing. If a later read fails, it logs a warning and uses the secret that it read last. If
 * reading is slow, cache `read` for a while, but not for longer than the grace: calls with the old
 * secret fail once the old key is deleted.
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
      // The store's error is not logged: only its author knows what it holds.
      Effect.catchAll(() =>
        Effect.zipRight(
          Effect.logWarning("the secret store cannot be read: using what it held before"),
          Ref.get(last),
        )
      ),
    )
    return Credentials.layerApiKey(current, options)
  }))
