import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { Credentials, RetryPolicy, throttled, withRetryPolicy } from "../../src/mod.ts"
import { type ApiCall, calls } from "../everyOperation.ts"
import { asked } from "./retryTable.ts"
import { credentials, ok, scripted, type Step } from "./scripted.ts"

const { deleteApiKey, getApiKey } = calls

const hasty = withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" }))

/** The error of a call that must end by itself. */
const errorOf = (call: ApiCall, layer: ReturnType<typeof scripted>["layer"]) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.flip(Effect.provide(call, layer)))
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

const timeout = { _tag: "TransportError", reason: "Timeout" }

describe("a deadline", () => {
  it.effect.each(
    [
      ["set", (call: ApiCall) => hasty(call)],
      ["not set", (call: ApiCall) => call],
    ] as const,
  )("that is %s lets no interruption into a finalizer", ([, under]) =>
    Effect.gen(function* () {
      const { layer, sent } = scripted({ status: 503 }, ok)
      const closing = Effect.ensuring(Effect.void, Effect.orDie(under(deleteApiKey)))
      const fiber = yield* Effect.fork(Effect.provide(closing, layer))
      yield* TestClock.adjust(0)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(interrupted)
      expect(sent.length).toBe(2)
    }))

  it.effect("that passes before there is a token leaves no doubt: nothing was sent", () =>
    Effect.gen(function* () {
      const { client, sent } = scripted(ok)
      const layer = Layer.merge(client, Credentials.layerApiKey(Effect.never))
      const error = yield* errorOf(hasty(deleteApiKey), layer)
      expect(error).toMatchObject({ ...timeout, attempts: 0, mayHaveApplied: false })
      expect(sent.length).toBe(0)
    }))

  /** A throttle whose only token an earlier call has taken. */
  const spent = (window: number, ...steps: ReadonlyArray<Step>) =>
    Effect.gen(function* () {
      const client = throttled({ limit: 1, window }).pipe(Layer.provide(scripted(...steps).client))
      const layer = Layer.merge(yield* Layer.memoize(client), credentials)
      yield* Effect.provide(getApiKey, layer)
      return layer
    })

  it.effect("that passes while a throttle holds the request back leaves no doubt either", () =>
    Effect.scoped(Effect.gen(function* () {
      const error = yield* errorOf(hasty(deleteApiKey), yield* spent(20_000, ok))
      expect(error).toMatchObject({ ...timeout, attempts: 0, mayHaveApplied: false })
    })))

  it.effect("that passes after a throttle let the request go leaves a doubt", () =>
    Effect.scoped(Effect.gen(function* () {
      const error = yield* errorOf(hasty(deleteApiKey), yield* spent(3000, ok, "Hang"))
      expect(error).toMatchObject({ ...timeout, attempts: 1, mayHaveApplied: true })
    })))

  it.effect.each([[429, false], [503, true]] as const)(
    "that passes in the wait after a %i leaves the doubt that this answer left: %s",
    ([status, mayHaveApplied]) =>
      Effect.gen(function* () {
        const { layer } = scripted({ status, headers: asked("20") })
        const error = yield* errorOf(hasty(deleteApiKey), layer)
        expect(error).toMatchObject({ ...timeout, attempts: 1, mayHaveApplied })
      }),
  )

  it.effect("that passes in the second attempt leaves a doubt about that attempt", () =>
    Effect.gen(function* () {
      const { layer } = scripted({ status: 429, headers: asked("2") }, "Hang")
      const error = yield* errorOf(hasty(deleteApiKey), layer)
      expect(error).toMatchObject({ ...timeout, attempts: 2, mayHaveApplied: true })
    }))
})

describe("a token", () => {
  // A JavaScript program may give a string instead of a Redacted.
  const plain = "plain" as unknown as Redacted.Redacted<string>
  it.effect.each<readonly [string, Redacted.Redacted<string>]>([
    ["does not fit into a header", Redacted.make("two words")],
    ["is not Redacted", plain],
  ])("that %s is refused before it is sent", ([, token]) =>
    Effect.gen(function* () {
      const { client, sent } = scripted(ok)
      const layer = Layer.merge(client, Credentials.layerApiKey(Effect.succeed(token)))
      const error = yield* errorOf(getApiKey, layer)
      expect(error).toMatchObject({ _tag: "InvalidRequest", field: "token", attempts: 0 })
      expect(sent.length).toBe(0)
    }))
})
