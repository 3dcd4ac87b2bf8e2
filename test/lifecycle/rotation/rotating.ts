/**
 * A process that rotates the key in a file, and stops before or after its nth action, so that a
 * test can kill it there.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import { Credentials, rotateApiKey } from "../../../src/mod.ts"

const [, , file = "", nth = "", when = ""] = process.argv
let count = 0

const stop = Effect.zipRight(
  Effect.sync(() => fs.writeSync(1, "stopped\n")),
  Effect.async<never>(() => {
    setInterval(() => {}, 1000)
  }),
)

const around = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    count += 1
    if (count !== Number(nth)) return effect
    return when === "before" ? stop : Effect.zipRight(effect, stop)
  })

const client = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    // The process stops only once it has the whole answer.
    (client) => HttpClient.make((request) => around(client.execute(request))),
  ),
).pipe(Layer.provide(FetchHttpClient.layer))

const store = {
  read: around(Effect.sync(() => Option.some(Redacted.make(fs.readFileSync(file, "utf8"))))),
  write: (secret: Redacted.Redacted<string>) =>
    around(Effect.sync(() => {
      fs.writeFileSync(`${file}.half`, Redacted.value(secret), { mode: 0o600 })
      fs.renameSync(`${file}.half`, file)
    })),
}

await Effect.runPromise(
  rotateApiKey({ store, grace: 0 }).pipe(
    Effect.provide(Layer.merge(client, Credentials.layerConfig)),
  ),
)
