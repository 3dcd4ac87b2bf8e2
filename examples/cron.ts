// Cloudflare Workers: rotates keys from a cron trigger. No run lasts as long as the grace.
//
// The R2 bucket SECRETS holds one object for each key to rotate. Put each secret there once, under
// any name. Every reader must read it from there too, at least once a day, since the old key is
// DELETED a day after the new one is made. In wrangler.toml:
//
//   compatibility_flags = ["nodejs_compat"]
//   triggers = { crons = ["7 * * * *"] }
//   r2_buckets = [{ binding = "SECRETS", bucket_name = "api-key-secrets" }]
//
// COCKROACH_API_KEY holds the secret of a key with the role ORG_ADMIN. Do not use a KV namespace
// instead of the bucket: its reads may be a minute behind, and a store must show the latest write.
import {
  Credentials,
  rotateApiKey,
  type RotationFailed,
  type SecretStore,
  throttled,
} from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

/** The part of Cloudflare's R2Bucket that this uses. */
interface Bucket {
  readonly get: (name: string) => Promise<{ readonly text: () => Promise<string> } | null>
  readonly put: (name: string, text: string) => Promise<unknown>
  readonly list: (options: { readonly cursor?: string | undefined }) => Promise<{
    readonly objects: ReadonlyArray<{ readonly key: string }>
    readonly truncated: boolean
    readonly cursor?: string
  }>
}

class BucketFailed extends Data.TaggedError("BucketFailed")<{ readonly cause: unknown }> {}

const ask = <A>(question: () => Promise<A>): Effect.Effect<A, BucketFailed> =>
  Effect.tryPromise({ try: question, catch: (cause) => new BucketFailed({ cause }) })

const storeIn = (bucket: Bucket, name: string): SecretStore<BucketFailed> => ({
  read: ask(async () => {
    const text = await (await bucket.get(name))?.text()
    return Option.map(Option.fromNullable(text), (text) => Redacted.make(text.trim()))
  }),
  write: (secret) => ask(() => bucket.put(name, Redacted.value(secret))),
})

const namesIn = (bucket: Bucket): Stream.Stream<string, BucketFailed> =>
  Stream.paginateChunkEffect(
    undefined,
    (cursor: string | undefined) =>
      Effect.map(ask(() => bucket.list({ cursor })), (page) =>
        [
          Chunk.fromIterable(page.objects.map(({ key }) => key)),
          page.truncated ? Option.some(page.cursor) : Option.none(),
        ] as const),
  )

const rotateOne = (bucket: Bucket) => (name: string) =>
  rotateApiKey({
    store: storeIn(bucket, name),
    grace: "1 day",
    olderThan: "90 days",
    // The next trigger goes on where this one ends.
    onWait: "return",
  }).pipe(
    Effect.matchEffect({
      onFailure: ({ message }: RotationFailed<BucketFailed>) =>
        Effect.as(Effect.logError(`${name} failed: ${message}`), false),
      onSuccess: ({ did, until }) =>
        Effect.as(
          Effect.log(
            Option.match(until, {
              onNone: () => `${name}: ${did}`,
              onSome: (until) => `${name}: ${did} until ${DateTime.formatIso(until)}`,
            }),
          ),
          true,
        ),
    }),
  )

const rotateAll = (bucket: Bucket) =>
  namesIn(bucket).pipe(
    Stream.mapEffect(rotateOne(bucket), { concurrency: 4 }),
    Stream.runFold(0, (failed, isRotated) => failed + (isRotated ? 0 : 1)),
    Effect.filterOrFail((failed) => failed === 0, (failed) => `${failed} keys failed`),
    Effect.provide(throttled({ limit: 10, window: "1 second" })),
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
  )

export default {
  // If a run fails, it shows as failed among the trigger's past events.
  scheduled: (_: unknown, { SECRETS }: { readonly SECRETS: Bucket }): Promise<number> =>
    Effect.runPromise(rotateAll(SECRETS)),
}
