import { describe, expect, it } from "@effect/vitest"
import { Credentials } from "@effect-crdb/api-keys"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Cause from "effect/Cause"
import * as Redacted from "effect/Redacted"
import { calls } from "../everyOperation.ts"
import { exporting } from "./exporting.ts"
import { failures, run } from "./failures.ts"
import { forgotten, sendingExports, tags } from "./sendingExports.ts"
import { inspectDeep, type Rendering, renderOnce, renderRun, renderValue } from "./renderings.ts"
import { leakIn, newSecret, secretPart, tokens } from "./secrets.ts"

const leaksIn = (renderings: ReadonlyArray<Rendering>) =>
  renderings.flatMap(([where, text]) => {
    const leak = leakIn(text)
    return leak === undefined ? [] : [{ where, leak, text: text.slice(0, 2000) }]
  })

/** Runs with OpenTelemetry's tracer, and also renders the spans that it exports. */
const renderExported = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.scoped(Effect.gen(function* () {
    const { exported, tracer } = yield* exporting
    const { exit, renderings } = yield* Effect.withTracer(renderRun(effect, inspectors), tracer)
    return {
      exit,
      renderings,
      spans: renderOnce("the exported spans", yield* exported, inspectors),
    }
  }))

const inspectors = { "util.inspect": inspectDeep }

const seen = new Set<string>()

describe("nothing that a call leaves behind holds a secret", () => {
  for (const [name, call] of Object.entries(sendingExports)) {
    it.live.each(failures)(`${name}: $name`, (failure) =>
      Effect.gen(function* () {
        for (const token of name === "getApiKey" ? Object.values(tokens) : [tokens.apiKey]) {
          const { exit, renderings, spans } = yield* renderExported(run(call, failure, token))
          const shown = renderings.filter(([where]) => !failure.isData || !/\bvalue\b/.test(where))
          expect(leaksIn(shown)).toEqual([])
          expect(leaksIn(spans)).toEqual([])
          expect(spans.map(([, text]) => text)).toContain("caller")
          if (failure.isSuccess && name in calls) expect(exit._tag).toBe("Success")
          if (!failure.isSuccess && !failure.mayPass) expect(exit._tag).toBe("Failure")
          if (Exit.isFailure(exit)) {
            const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
            if (isRecord(error)) seen.add(String(error["_tag"]))
          }
        }
      }))
  }

  it.effect("in the name, tags or state of a metric", () =>
    Effect.gen(function* () {
      const metrics = yield* Metric.snapshot
      expect(metrics.length).toBeGreaterThan(0)
      expect(leaksIn(renderValue("the metrics", metrics, inspectors))).toEqual([])
    }))
})

describe("the search", () => {
  it("calls every function of the module that sends requests", () => {
    expect(forgotten).toEqual([])
  })

  it("meets every error of the module", () => {
    expect([...seen].sort()).toEqual([...tags].sort())
  })

  it.each([
    ["the whole token", tokens.apiKey],
    ["the whole secret", newSecret],
    ["twelve characters of it", `x${secretPart(newSecret).slice(20, 32)}x`],
    ["twelve characters of a JWT", tokens.jwt.slice(-12)],
  ])(
    "finds %s in a message, a key, a symbol, a request and a cause",
    (_, text) => {
      const values = [
        new Error(text),
        { [text]: 1 },
        { [Symbol(text)]: 1 },
        new Error("x", { cause: { request: { headers: { authorization: text } } } }),
        Object.defineProperty({}, "hidden", { value: text }),
        {
          get lazily() {
            return text
          },
        },
        new Map([[text, 1]]),
      ]
      for (const value of values) {
        expect(leaksIn(renderValue("it", value, inspectors)).length).toBeGreaterThan(0)
      }
    },
  )

  it("lets pass no more than eleven characters of a secret", () => {
    expect(leakIn(secretPart(newSecret).slice(3, 14))).toBeUndefined()
  })
})

describe("Credentials show no token", () => {
  const { apiKey, jwt } = tokens
  const layers: ReadonlyArray<readonly [string, Layer.Layer<Credentials>]> = [
    ["of a key", Credentials.layerApiKey(Redacted.make(apiKey))],
    ["of a JWT", Credentials.layerJwt({ token: Redacted.make(jwt), vanityName: "acme" })],
    ["of an Effect", Credentials.layerApiKey(Effect.sync(() => Redacted.make(apiKey)))],
    [
      "of an Effect that holds the plain text",
      Credentials.layerApiKey(Effect.map(Effect.succeed(apiKey), (token) => Redacted.make(token))),
    ],
  ]
  it.effect.each(layers)("%s", ([, layer]) =>
    Effect.gen(function* () {
      const credentials = yield* Effect.provide(Credentials, layer)
      const context = yield* Effect.provide(Effect.context<Credentials>(), layer)
      expect(leaksIn(renderValue("them", credentials, inspectors))).toEqual([])
      expect(leaksIn(renderValue("their context", context, inspectors))).toEqual([])
    }))
})
