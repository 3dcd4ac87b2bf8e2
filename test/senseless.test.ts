import type { HttpClient } from "@effect/platform/HttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import {
  Credentials,
  getApiKey,
  listApiKeyPages,
  listApiKeys,
  listApiKeysPage,
  MaxResponseBytes,
  RetryPolicy,
  sweepExpiredApiKeys,
  temporaryApiKey,
  throttled,
  throttledByStore,
  ThrottleStore,
} from "../src/mod.ts"
import { root } from "./tool.ts"
import { id, secret, serviceAccountId } from "./everyOperation.ts"
import { ok, scripted } from "./transport/scripted.ts"

type Program = Effect.Effect<unknown, unknown, HttpClient | Credentials | Scope.Scope>

interface Face {
  /** The function or layer that has the option. */
  readonly of: string
  readonly option: string
  // A JavaScript program can pass anything.
  readonly give: (value: never) => Program
  /** Values that this option refuses besides those that make no sense anywhere. */
  readonly refused: ReadonlyArray<unknown>
  readonly taken: ReadonlyArray<unknown>
  /** The allowed values, in the words of the refusal. */
  readonly says: string
}

const noDuration = [
  ...[-1, NaN, -5n, "-5 minutes", "-0.1 millis", [-1, 0], "soon", "", {}, true],
  { seconds: -5 },
  { seconds: NaN },
  // Effect 4 takes it for zero.
  { minute: 5, seconds: 0 },
]
// No timer of JavaScript can wait for so long.
const tooLong = ["25 days", "24.1 days", 2 ** 31, Number.MAX_VALUE, [1e9, 0], Duration.days(30)]
const noCount = [-1, 0.5, NaN, "10", {}, true]

const tokenLayer = (limit: never) => Credentials.layerApiKey(Redacted.make(secret), { limit })
const buildOf = (layer: Layer.Layer<HttpClient, never, HttpClient>): Program => Layer.build(layer)

const durations: ReadonlyArray<Face> = [
  {
    of: "RetryPolicy.make",
    option: "attemptTimeout",
    give: (attemptTimeout) => Effect.sync(() => RetryPolicy.make({ attemptTimeout })),
    refused: [0, "0 seconds", ...tooLong],
    taken: [1, "0.5 millis", Infinity, "24 days"],
    says: "must be a duration above zero and at most 24 days, or Infinity",
  },
  {
    of: "RetryPolicy.make",
    option: "maxRetryAfter",
    give: (maxRetryAfter) => Effect.sync(() => RetryPolicy.make({ maxRetryAfter })),
    refused: tooLong,
    taken: [0, "2 minutes", Infinity, "24 days"],
    says: "must be a duration of zero or more and at most 24 days, or Infinity",
  },
  {
    of: "RetryPolicy.make",
    option: "deadline",
    give: (deadline) => Effect.sync(() => RetryPolicy.make({ deadline })),
    refused: [0, "0 seconds", ...tooLong],
    taken: [1, "5 minutes", Infinity, "24 days"],
    says: "must be a duration above zero and at most 24 days, or Infinity",
  },
  {
    of: "RetryPolicy.backoff",
    option: "base",
    give: (base) => Effect.sync(() => RetryPolicy.backoff({ base })),
    refused: [Infinity, ...tooLong],
    taken: [0, 1, "5 minutes", "24 days"],
    says: "must be a finite duration of zero or more and at most 24 days",
  },
  {
    of: "RetryPolicy.backoff",
    option: "cap",
    give: (cap) => Effect.sync(() => RetryPolicy.backoff({ cap })),
    refused: tooLong,
    taken: [0, 1, "5 minutes", Infinity, "24 days"],
    says: "must be a duration of zero or more and at most 24 days, or Infinity",
  },
  {
    of: "throttled",
    option: "window",
    give: (window) => buildOf(throttled({ limit: 10, window })),
    refused: [0, "10 micros", Infinity, null, undefined, ...tooLong],
    taken: [1, "1 second", "1.5 seconds", "24 days"],
    says: 'must be a duration from "1 millis" to "24 days"',
  },
  {
    of: "temporaryApiKey",
    option: "expiresIn",
    give: (expiresIn) => temporaryApiKey({ name: "example name", serviceAccountId, expiresIn }),
    refused: [0, Infinity, null, undefined, "365001 days"],
    taken: [],
    says: "must be positive and at most 1,000 years",
  },
  {
    of: "sweepExpiredApiKeys",
    option: "lease",
    give: (lease) => Stream.runDrain(sweepExpiredApiKeys({ lease })),
    refused: [null],
    taken: [0, "1 hour", Infinity, "60 days"],
    says: "must be a duration of zero or more",
  },
]

const counts: ReadonlyArray<Face> = [
  {
    of: "RetryPolicy.backoff",
    option: "attempts",
    give: (attempts) => Effect.sync(() => RetryPolicy.backoff({ attempts })),
    refused: [0, -Infinity],
    taken: [1, 10, Infinity],
    says: "must be a whole number, 1 or more",
  },
  {
    of: "throttled",
    option: "limit",
    give: (limit) => buildOf(throttled({ limit, window: "1 second" })),
    refused: [0, Infinity, null, undefined],
    taken: [1, 200],
    says: "must be a whole number, 1 or more",
  },
  {
    of: "throttledByStore",
    option: "limit",
    give: (limit) =>
      Effect.provide(
        Layer.build(throttledByStore({ limit, window: "1 second" })),
        ThrottleStore.layerMemory,
      ),
    refused: [0, Infinity, null, undefined],
    taken: [1, 200],
    says: "must be a whole number, 1 or more",
  },
  ...[
    (pageSize: never) => listApiKeysPage({ pageSize }),
    (pageSize: never) => Stream.runDrain(listApiKeyPages({ pageSize })),
    (pageSize: never) => Stream.runDrain(listApiKeys({ pageSize, prefetch: 1 })),
  ].map((give): Face => ({
    of: "lists",
    option: "pageSize",
    give,
    refused: [0, Infinity, 2 ** 31, null],
    taken: [1, 500],
    says: "must be a whole number from 1 to 2147483647",
  })),
  {
    of: "listApiKeys",
    option: "prefetch",
    give: (prefetch) => Stream.runDrain(listApiKeys({ prefetch })),
    refused: [Infinity],
    taken: [0, 1, 10],
    says: "must be a whole number of pages, 0 or more",
  },
]

const numbers: ReadonlyArray<Face> = [
  {
    of: "RetryPolicy.backoff",
    option: "factor",
    give: (factor) => Effect.sync(() => RetryPolicy.backoff({ factor })),
    refused: [0, Infinity],
    taken: [0.5, 1, 2],
    says: "must be a finite number above 0",
  },
  {
    of: "Credentials",
    option: "limit",
    give: (limit) => Effect.provide(getApiKey(id), tokenLayer(limit)),
    refused: [0, null],
    taken: [0.5, 10, 200, Infinity],
    says: "must be a number of requests a second above 0",
  },
  {
    of: "the context",
    option: "MaxResponseBytes",
    give: (bytes) => Effect.provideService(getApiKey(id), MaxResponseBytes, bytes),
    refused: [undefined],
    taken: [1024, Infinity],
    says: "must be a number of bytes, 0 or more",
  },
]

/** Runs a program. Returns how it ended, and what it sent. */
const play = (program: Program) =>
  Effect.gen(function* () {
    const { layer, sent } = scripted(ok)
    const exit = yield* program.pipe(Effect.scoped, Effect.provide(layer), Effect.exit)
    return { exit, said: Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", sent }
  })

describe.each([
  ...durations.map((face) => ({ ...face, senseless: [...noDuration, ...face.refused] })),
  ...counts.map((face) => ({ ...face, senseless: [...noCount, ...face.refused] })),
  ...numbers.map((face) => ({ ...face, senseless: [-1, NaN, "ten", {}, ...face.refused] })),
])("$option of $of", ({ give, option, says, senseless, taken }) => {
  it.effect.each(senseless.map((value) => [value]))(
    "refuses %s, and names the option",
    ([value]) =>
      Effect.gen(function* () {
        // A JavaScript program is not held to the option's type.
        const { said, sent } = yield* play(Effect.suspend(() => give(value as never)))
        expect(said).toContain(`${option} ${says}`)
        expect(sent).toEqual([])
      }),
  )

  it.effect.each(taken.map((value) => [value]))("accepts %s", ([value]) =>
    Effect.gen(function* () {
      const { exit } = yield* play(Effect.suspend(() => give(value as never)))
      expect(Exit.isSuccess(exit)).toBe(true)
    }))
})

it("every duration option is in these tables, or in those of the rotation", () => {
  const ofTheRotation = ["grace", "olderThan"]
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("emulator"))
  const options = files.flatMap((file) =>
    [
      ...readFileSync(join(root, "src", file), "utf8")
        .matchAll(/^ {2}readonly (\w+)\??: Duration\.DurationInput/gm),
    ].map(([, name]) => name)
  )
  expect(new Set(options)).toEqual(
    new Set([...durations.map(({ option }) => option), ...ofTheRotation]),
  )
})
