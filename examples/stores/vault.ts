// A key's secret in HashiCorp Vault, or in OpenBao: the field "secret" of one entry of a secrets
// engine KV version 2. Keep nothing else in that entry, since a write replaces all of its fields.
//
// Its address is that of the HTTP API: https://vault.example.com:8200/v1/secret/data/billing is
// `billing` of the engine at `secret`. The token needs the capabilities create, read and update
// there. With performance standbys or replication, let it be the address of the active node of the
// primary cluster: the others' reads may be behind a write.
//
// An entry that was never written is an empty store. One whose current version is deleted or
// destroyed is an error, since somebody did that: undelete it, write it, or delete its metadata.
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
    // As a bearer token, which Effect's spans hide; they would show an X-Vault-Token.
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
        // Errors of HTTP and of Schema hold what was sent and received: only their names are safe.
        Effect.mapError((error) => error instanceof VaultFailed ? error : failed(error._tag)),
        Effect.timeoutFail({
          duration: "30 seconds",
          onTimeout: () => failed("no answer in 30 s"),
        }),
      )

    // What was read last. A write is refused where another version has become the current one.
    const lastRead = yield* Ref.make<number | undefined>(undefined)

    const read = send(
      HttpClientRequest.get(url),
      Effect.fnUntraced(function* (response) {
        if (response.status === 200) {
          const { data } = yield* HttpClientResponse.schemaBodyJson(Entry)(response)
          yield* Ref.set(lastRead, data.metadata.version)
          return Option.some(Redacted.make(data.data.secret))
        }
        // A deleted version is not found either, but told of, and so is a path that is no engine's.
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
          // Another run was faster. That is as if its write had come right after this one: the
          // rotation reads the other's secret next, and deletes its own key.
          if (errors.some((error) => error.includes("did not match the current version"))) return
          return yield* failed("status 400")
        }),
      )
    })

    return { read, write }
  })
