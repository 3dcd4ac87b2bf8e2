import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Credentials } from "../src/mod.ts"
import * as Emulator from "../src/emulator/mod.ts"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { makeGate } from "../src/waiting/gate.ts"

/**
 * A new emulator on a loopback port, with a client over fetch and its admin's Credentials. It uses
 * the real clock.
 */
export const servedEmulator = (
  options?: Emulator.EmulatorOptions,
): Layer.Layer<HttpClient.HttpClient | Credentials | Emulator.Emulator> =>
  Layer.suspend(() => {
    const server = createServer()
    return Layer.scopedContext(Effect.gen(function* () {
      const emulator = yield* Emulator.make(options)
      yield* HttpServer.serveEffect(emulator.httpApp)
      // A closing server waits for connections that clients keep.
      yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
      const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const credentials = Credentials.make({ token: emulator.admin.secret, baseUrl })
      return Context.make(Emulator.Emulator, emulator).pipe(
        Context.add(Credentials, { ...credentials, gate: makeGate(limitOf(options)) }),
      )
    })).pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
      Layer.orDie,
      Layer.merge(FetchHttpClient.layer),
    )
  })

// By default the Credentials' gate fits the service's 10 a second. This one fits the emulator.
const limitOf = ({ rateLimit = {} }: Emulator.EmulatorOptions = {}): number =>
  rateLimit === "none"
    ? Infinity
    : (rateLimit.limit ?? 10) / Duration.toSeconds(rateLimit.window ?? "1 second")
