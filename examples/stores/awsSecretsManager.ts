// A key's secret in AWS Secrets Manager, as the whole text of one secret.
//
// Make the secret first, with or without a value. A secret without a value is an empty store. A
// missing secret is an error, since its name may be mistyped. The caller needs
// secretsmanager:DescribeSecret, GetSecretValue, PutSecretValue and UpdateSecretVersionStage.
//
// AWS says that reads may lag behind writes. So a write takes effect only if the version that was
// read last is still the current one.
import type { SecretStore } from "@effect-crdb/api-keys"
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"

/** `reason` is the name of the error of AWS or its SDK. */
export class AwsStoreFailed extends Data.TaggedError("AwsStoreFailed")<{
  readonly reason: string
  readonly message: string
}> {}

export const awsSecretStore = (
  client: SecretsManagerClient,
  secretId: string,
): Effect.Effect<SecretStore<AwsStoreFailed>> =>
  Effect.gen(function* () {
    const failed = (reason: string) =>
      new AwsStoreFailed({ reason, message: `AWS secret ${secretId}: ${reason}` })

    const ask = <A>(question: (options: { readonly abortSignal: AbortSignal }) => Promise<A>) =>
      Effect.tryPromise({
        try: (abortSignal) => question({ abortSignal }),
        // An error of the SDK can hold the whole answer, so only its name is safe.
        catch: (error) => failed(error instanceof Error ? error.name : "unknown"),
      }).pipe(
        Effect.timeoutFail({
          duration: "30 seconds",
          onTimeout: () => failed("no answer in 30 s"),
        }),
      )
    const named = (reason: string) => (error: AwsStoreFailed) => error.reason === reason

    const target = { SecretId: secretId }
    // Undefined until a read. Its version is undefined if the secret had no value.
    const lastRead = yield* Ref.make<{ readonly version: string | undefined } | undefined>(
      undefined,
    )

    const describe = ask((options) => client.send(new DescribeSecretCommand(target), options))

    const read = ask((options) => client.send(new GetSecretValueCommand(target), options)).pipe(
      // AWS also answers this for a secret without a value.
      Effect.catchIf(
        named("ResourceNotFoundException"),
        () => Effect.as(describe, undefined),
      ),
      Effect.tap((found) => Ref.set(lastRead, { version: found?.VersionId })),
      Effect.flatMap((found) => {
        if (found === undefined) return Effect.succeedNone
        return found.SecretString === undefined
          ? failed("it holds bytes, not text")
          : Effect.succeedSome(Redacted.make(found.SecretString))
      }),
    )

    const write = Effect.fnUntraced(function* (secret: Redacted.Redacted<string>) {
      const before = yield* Ref.getAndSet(lastRead, undefined)
      // The SDK names the new version, so that its retries make no second one.
      const { VersionId } = yield* ask((options) =>
        client.send(
          new PutSecretValueCommand({
            ...target,
            SecretString: Redacted.value(secret),
            VersionStages: before === undefined ? undefined : ["AWSPENDING"],
          }),
          options,
        )
      )
      if (before === undefined) return
      yield* ask((options) =>
        client.send(
          new UpdateSecretVersionStageCommand({
            ...target,
            VersionStage: "AWSCURRENT",
            MoveToVersionId: VersionId,
            RemoveFromVersionId: before.version,
          }),
          options,
        )
      ).pipe(
        // Another run was faster. That is as if it had written right after this run: the rotation
        // reads the other run's secret next, and deletes its own key.
        Effect.catchIf(named("InvalidParameterException"), () => Effect.void),
      )
    })

    return { read, write }
  })
