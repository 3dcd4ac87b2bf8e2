// A key's secret in HashiCorp Vault or OpenBao, as the field "secret" of an entry in a KV version 2
// secrets engine. Keep nothing else in that entry, since a write replaces all its fields.
//
// `url` is the entry's address in the HTTP API: the entry `billing` of the engine at `secret` has
// https://vault.example.com:8200/v1/secret/data/billing. The token needs the capabilities create,
// read and update there. With performance standbys or replication, use the address of the primary
// cluster's active node, since reads of the others may lag behind a write.
//
// An entry that was never written is an empty store. If its current version is deleted or
// destroyed, the store fails, since somebody did that: undelete it, write it, or delete its
// metadata.
import type { SecretStore } from "@effect-crdb/api-keys"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

export class VaultFailed extends Data.TaggedError("VaultFailed")<{ readonly message: string }> {}

const Entry = Schema.Struct({
  data: Schema.Struct({
    data: Schema.Struct({ secret: Schema.String }),
    metadata: Schema.Struct({ version: Schema.Number }),
  }),
})

const NothingThere = Schema.Struct({ errors: Schema.Tuple() })

const Refusal = Schema.Struct({ errors: Schema.Array(Schema.String) })

export const vaultSecretStore = ({ token, url }: {
  readonly url: string
  readonly token: Redacted.Redacted<string>
}): Effect.Effect<SecretStore<VaultFailed>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    // Effect's spans hide a bearer token. They would show the header X-Vault-Token.
    const client = HttpClient.mapRequest(
      yield* HttpClient.HttpClient,
      HttpClientRequest.bearerToken(token),
    ).pipe(HttpClient.retryTransient({ times: 3, schedule: Schedule.exponential("200 millis") }))

    const failed = (why: string) => new VaultFailed({ message: `Vault, ${url}: ${why}` })

    const send = <A, E extends { readonly _tag: string }>(
      request: HttpClientRequest.HttpClientRequest,
      receive: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E>,
    ) =>
      client.execute(request).pipe(
        Effect.flatMap(receive),
        // Errors of HTTP and Schema hold what was sent and received, so only their names are safe.
        Effect.mapError((error) => error instanceof VaultFailed ? error : failed(error._tag)),
        Effect.timeoutFail({
          duration: "30 seconds",
          onTimeout: () => failed("no answer in 30 s"),
        }),
      )

    // The version that was read last. Vault refuses a write if another one is current by then.
    const lastRead = yield* Ref.make<number | undefined>(undefined)

    const read = send(
      HttpClientRequest.get(url),
      Effect.fnUntraced(function* (response) {
        if (response.status === 200) {
          const { data } = yield* HttpClientResponse.schemaBodyJson(Entry)(response)
          yield* Ref.set(lastRead, data.metadata.version)
          return Option.some(Redacted.make(data.data.secret))
        }
        // A deleted version is also a 404, and so is a path without an engine. Their bodies differ.
        const isEmpty = response.status === 404 && Schema.is(NothingThere)(yield* response.json)
        if (!isEmpty) return yield* failed(`status ${response.status}`)
        yield* Ref.set(lastRead, 0)
        return Option.none()
      }),
    )

    const write = Effect.fnUntraced(function* (secret: Redacted.Redacted<string>) {
      const cas = yield* Ref.getAndSet(lastRead, undefined)
      const body = { data: { secret: Redacted.value(secret) }, options: { cas } }
      yield* send(
        HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post(url), body),
        Effect.fnUntraced(function* (response) {
          if (response.status === 200) return
          if (response.status !== 400) return yield* failed(`status ${response.status}`)
          const { errors } = yield* HttpClientResponse.schemaBodyJson(Refusal)(response)
          // Another run was faster. That is as if it had written right after this run: the
          // rotation reads the other run's secret next, and deletes its own key.
          if (errors.some((error) => error.includes("did not match the current version"))) return
          return yield* failed("status 400")
        }),
      )
    })

    return { read, write }
  })
