import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { createServer } from "node:http"

/** The environment names that the module reads. */
export const variables: ReadonlyArray<string> = [
  "API_KEY",
  "API_JWT",
  "VANITY_NAME",
  "USERNAME",
  "SERVER",
].map((name) => `COCKROACH_${name}`)

/** Unsets what the environment of the test run may hold. */
export const clean: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  [...variables, "OTEL_EXPORTER_OTLP_ENDPOINT", "HOST", "WORKER_TOKEN"]
    .map((name) => [name, undefined]),
)

/** A request that has arrived, and whose answer is held back. */
export interface Held {
  readonly arrived: Promise<void>
  /** Resolves when the caller has gone without the answer. */
  readonly left: Promise<void>
  readonly release: () => Promise<void>
}

/** An emulator on a loopback port, for programs in other processes. */
export interface Stage {
  readonly emulator: Emulator.EmulatorService
  readonly baseUrl: string
  /** The secret to call it with. */
  readonly secret: string
  /** The environment of an example. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Holds back requests whose URL contains `part`, until they are released. */
  readonly hold: (part: string) => Held
  readonly close: () => Promise<void>
}

/** Starts a stage. */
export const openStage = async (options: Emulator.EmulatorOptions): Promise<Stage> => {
  const scope = Effect.runSync(Scope.make())
  let holdBack = (_url: string): Effect.Effect<void> => Effect.void

  const hold = (part: string): Held => {
    const arrived = Effect.runSync(Deferred.make<void>())
    const left = Effect.runSync(Deferred.make<void>())
    const released = Effect.runSync(Deferred.make<void>())
    holdBack = (url) =>
      !url.includes(part) ? Effect.void : Deferred.succeed(arrived, undefined).pipe(
        Effect.zipRight(Effect.interruptible(Deferred.await(released))),
        Effect.onInterrupt(() => Deferred.succeed(left, undefined)),
      )
    return {
      arrived: Effect.runPromise(Deferred.await(arrived)),
      left: Effect.runPromise(Deferred.await(left)),
      release: async () => {
        holdBack = () => Effect.void
        await Effect.runPromise(Deferred.succeed(released, undefined))
      },
    }
  }

  const served = Effect.gen(function* () {
    const emulator = yield* Emulator.make({ rateLimit: "none", ...options })
    const http = createServer()
    const server = yield* NodeHttpServer.make(() => http, { host: "127.0.0.1", port: 0 })
    yield* Effect.addFinalizer(() => Effect.sync(() => http.closeAllConnections()))
    const app = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap(({ url }) => holdBack(url)),
      Effect.zipRight(emulator.httpApp),
    )
    yield* Effect.provideService(HttpServer.serveEffect(app), HttpServer.HttpServer, server)
    return { emulator, baseUrl: HttpServer.formatAddress(server.address) }
  })
  const { baseUrl, emulator } = await Effect.runPromise(Scope.extend(served, scope))
  const secret = Redacted.value(emulator.admin.secret)
  return {
    emulator,
    baseUrl,
    secret,
    env: { ...clean, COCKROACH_API_KEY: secret, COCKROACH_SERVER: baseUrl },
    hold,
    close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}
