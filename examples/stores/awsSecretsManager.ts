// A key's secret in AWS Secrets Manager, as the whole text of one secret.
//
// Make the secret first, with or without a value: one that does not exist may be a mistake in its
// name, so it is an error, and one without a value is an empty store. It needs
// secretsmanager:GetSecretValue, secretsmanager:DescribeSecret and secretsmanager:PutSecretValue.
//
// A read may be some seconds behind a write: let the grace be five minutes or more.
import type { SecretStore } from "@effect-crdb/api-keys"
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** `reason` is the name that AWS or its SDK gives to what went wrong. */
export class AwsStoreFailed extends Data.TaggedError("AwsStoreFailed")<{
  readonly reason: string
  readonly message: string
}> {}

export const awsSecretStore = (
  client: SecretsManagerClient,
  secretId: string,
): SecretStore<AwsStoreFailed> => {
  const failed = (reason: string) =>
    new AwsStoreFailed({ reason, message: `AWS secret ${secretId}: ${reason}` })

  const send = <A>(command: (options: { readonly abortSignal: AbortSignal }) => Promise<A>) =>
    Effect.tryPromise({
      try: (abortSignal) => command({ abortSignal }),
      // An error of the SDK can hold the whole answer: only its name is safe.
      catch: (error) => failed(error instanceof Error ? error.name : "unknown"),
    }).pipe(
      Effect.timeoutFail({ duration: "30 seconds", onTimeout: () => failed("no answer in 30 s") }),
    )

  const describe = send((options) =>
    client.send(new DescribeSecretCommand({ SecretId: secretId }), options)
  )

  return {
    read: send((options) => client.send(new GetSecretValueCommand({ SecretId: secretId }), options))
      .pipe(
        Effect.flatMap(({ SecretString }) =>
          SecretString === undefined
            ? Effect.fail(failed("it holds bytes, not text"))
            : Effect.succeedSome(Redacted.make(SecretString))
        ),
        // Says of a secret without a value, too, that it is not found.
        Effect.catchIf(
          ({ reason }) => reason === "ResourceNotFoundException",
          () => Effect.as(describe, Option.none()),
        ),
      ),
    // The SDK names the new version itself, so that its retries make no second one.
    write: (secret) =>
      Effect.asVoid(send((options) =>
        client.send(
          new PutSecretValueCommand({ SecretId: secretId, SecretString: Redacted.value(secret) }),
          options,
        )
      )),
  }
}
