import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import { redactor } from "../../src/transport/redact.ts"
import { shielded } from "../../src/transport/shield.ts"
import { tracerOver } from "../../src/transport/tracerOver.ts"

const token = "NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"
// A new redactor each time, since a redactor caches.
const redact = (text: string): string => redactor([token])(text)

const unwatched = {
  tracer: identity<Tracer.Tracer>,
  tracerDisabledWhen: identity<Predicate.Predicate<HttpClientRequest.HttpClientRequest>>,
}

/** What a tracer learns of one span. */
interface Told {
  readonly name: string
  readonly attributes: Record<string, unknown>
  readonly events: Array<readonly [string, Record<string, unknown> | undefined]>
  exit: Exit.Exit<unknown, unknown> | undefined
}

const runWithTracer = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const told: Array<Told> = []
    let contexts = 0
    const tracer = Tracer.make({
      context: (execution) => {
        contexts++
        return execution()
      },
      span: (name, parent, context, links, startTime, kind) => {
        const span: Told = { name, attributes: {}, events: [], exit: undefined }
        told.push(span)
        return Object.assign(
          Object.create({ kept: `by the tracer of ${kind}` }),
          {
            _tag: "Span",
            name,
            spanId: "1",
            traceId: "2",
            parent,
            context,
            links,
            kind,
            sampled: true,
            status: { _tag: "Started", startTime },
            attributes: new Map(),
            attribute: (key: string, value: unknown) => {
              span.attributes[key] = value
            },
            event: (name: string, _: bigint, attributes?: Record<string, unknown>) =>
              span.events.push([name, attributes]),
            addLinks: () => {},
            end: (_: bigint, exit: Exit.Exit<unknown, unknown>) => {
              span.exit = exit
            },
          },
        )
      },
    })
    const exit = yield* Effect.exit(
      Effect.withTracer(shielded(effect, redact, unwatched), tracer),
    )
    return { contexts, exit, told: told[0], all: told }
  })

describe("a span under the shield", () => {
  it.effect("has its name, attributes and events redacted, and no headers", () =>
    Effect.gen(function* () {
      const { contexts, told } = yield* runWithTracer(
        Effect.flatMap(Effect.orDie(Effect.currentSpan), (span) => {
          span.attribute("n", 7)
          span.attribute("ok", true)
          span.attribute("text", `a ${token}`)
          span.attribute(`key ${token}`, "x")
          span.attribute("object", { deep: [token] })
          span.attribute("http.request.header.authorization", "x")
          span.attribute("http.response.header.x", "x")
          span.attribute("x.http.response.header.y", "kept")
          span.event(`event ${token}`, 1n, { [token]: token, n: 1 })
          span.event("bare", 1n)
          return Effect.void
        }).pipe(Effect.withSpan(`span ${token}`, { attributes: { start: token } })),
      )
      expect(told?.name).toBe("span <redacted>")
      expect(told?.attributes).toEqual({
        start: "<redacted>",
        n: 7,
        ok: true,
        text: "a <redacted>",
        "key <redacted>": "x",
        object: expect.stringContaining("<redacted>"),
        "x.http.response.header.y": "kept",
      })
      expect(told?.events).toEqual([
        ["event <redacted>", { "<redacted>": "<redacted>", n: 1 }],
        ["bare", {}],
      ])
      expect(contexts).toBeGreaterThan(0)
    }))

  it.effect("has the id that its tracer makes on first use", () =>
    Effect.gen(function* () {
      let ids = 0
      const own = yield* Effect.tracer
      const spans: Array<Tracer.Span> = []
      const tracer = tracerOver(own, {
        span: (made) => {
          const span = Object.defineProperty(made, "spanId", {
            get(this: { id?: string }) {
              return this.id ??= String(++ids)
            },
          })
          spans.push(span)
          return span
        },
      })
      const seen = yield* Effect.currentSpan.pipe(
        Effect.orDie,
        Effect.map(({ spanId }) => spanId),
        Effect.withSpan("span"),
        (effect) => Effect.withTracer(shielded(effect, redact, unwatched), tracer),
      )
      expect(spans.map(({ spanId }) => spanId)).toEqual([seen])
    }))

  it.effect("accepts attributes that cannot be made into text", () =>
    Effect.gen(function* () {
      let deep: unknown = token
      for (let at = 0; at < 1e5; at++) deep = [deep]
      const { exit, told } = yield* runWithTracer(
        Effect.flatMap(Effect.orDie(Effect.currentSpan), (span) => {
          span.attribute("deep", deep)
          span.attribute("bare", Object.assign(Object.create(null), { toJSON: () => BigInt("no") }))
          return Effect.void
        }).pipe(Effect.withSpan("span")),
      )
      expect(exit).toEqual(Exit.void)
      expect(told?.attributes).toEqual({
        deep: "an unreadable object",
        bare: "an unreadable object",
      })
    }))

  it.effect("otherwise is the tracer's own", () =>
    Effect.gen(function* () {
      const { exit } = yield* runWithTracer(
        Effect.withSpan(Effect.orDie(Effect.currentSpan), "span", { kind: "client" }),
      )
      const span: unknown = Exit.getOrElse(exit, () => undefined)
      expect(span).toMatchObject({ kept: "by the tracer of client", spanId: "1", traceId: "2" })
    }))

  it.effect("ends without the result", () =>
    Effect.gen(function* () {
      const succeeded = yield* runWithTracer(Effect.withSpan(Effect.succeed(token), "span"))
      expect(succeeded.told?.exit).toEqual(Exit.void)
      expect(succeeded.exit).toEqual(Exit.succeed(token))
    }))

  it.effect("ends with its failure as redacted text, and leaves the failure itself as it is", () =>
    Effect.gen(function* () {
      const error = Object.assign(new Error(`no ${token}`), { request: token })
      const failed = yield* runWithTracer(Effect.withSpan(Effect.fail(error), "span"))
      const cause = Exit.causeOption(failed.told?.exit ?? Exit.void)
      const [shown] = cause._tag === "Some" ? [...Cause.failures(cause.value)] : []
      expect(shown).toBeInstanceOf(Error)
      expect(shown).toMatchObject({ message: "no <redacted>" })
      expect(shown).not.toHaveProperty("request")
      const own = Exit.causeOption(failed.exit)
      const [kept] = own._tag === "Some" ? [...Cause.failures(own.value)] : []
      expect(kept?.request).toBe(token)
    }))

  it.effect("leaves the tracer alone if the program set none", () =>
    Effect.gen(function* () {
      const outer = yield* Effect.tracer
      expect(yield* shielded(Effect.tracer, redact, unwatched)).toBe(outer)
    }))
})

const defectOf = (thrown: unknown) =>
  Effect.map(Effect.exit(shielded(Effect.die(thrown), redact, unwatched)), (exit) => {
    const cause = Exit.causeOption(exit)
    const defects = cause._tag === "Some" ? [...Cause.defects(cause.value)] : []
    expect(defects.length).toBe(1)
    // The shield makes an Error of whatever was thrown; the next line checks it.
    const defect = defects[0] as Error
    expect(defect).toBeInstanceOf(Error)
    return defect
  })

describe("a defect under the shield", () => {
  it.effect("keeps its name, message and stack, without the secret and without other properties", () =>
    Effect.gen(function* () {
      const thrown = Object.assign(new TypeError(`bad ${token}`), { request: token })
      const defect = yield* defectOf(thrown)
      expect(defect.message).toBe("bad <redacted>")
      expect(defect.name).toBe("TypeError")
      expect(defect.stack).toContain("TypeError: bad <redacted>")
      expect(defect.stack).toContain("shield.test.ts")
      expect(Object.keys(defect)).toEqual([])
      expect("cause" in defect).toBe(false)
    }))

  it.effect("keeps its causes as text, five deep", () =>
    Effect.gen(function* () {
      const chain = (depth: number): Error =>
        new Error(`${depth} ${token}`, depth === 0 ? {} : { cause: chain(depth - 1) })
      const messages: Array<string> = []
      for (let at: unknown = yield* defectOf(chain(9)); at instanceof Error; at = at.cause) {
        messages.push(at.message)
      }
      expect(messages).toEqual([9, 8, 7, 6, 5].map((n) => `${n} <redacted>`))
    }))

  it.effect("that is a string is redacted", () =>
    Effect.gen(function* () {
      const defect = yield* defectOf(`no ${token}`)
      expect([defect.name, defect.message]).toEqual(["Error", "no <redacted>"])
      expect(defect.stack).toBe("Error: no <redacted>")
    }))

  it.effect.each([[{ token }, "object"], [7, "number"], [undefined, "undefined"]])(
    "that is %j tells only its type",
    ([thrown, kind]) =>
      Effect.map(
        defectOf(thrown),
        (defect) => expect(defect.message).toBe(`the HttpClient threw ${kind}`),
      ),
  )

  it.effect("that cannot be read tells only its type", () =>
    Effect.gen(function* () {
      const unreadable = Object.defineProperty(new Error(), "message", {
        get: () => {
          throw new Error(token)
        },
      })
      expect((yield* defectOf(unreadable)).message).toBe("the HttpClient threw object")
    }))

  it.effect("without a stack gets a stack of one line", () =>
    Effect.gen(function* () {
      const bare = Object.assign(new Error("m"), { stack: undefined })
      expect((yield* defectOf(bare)).stack).toBe("Error: m")
    }))

  it.effect("keeps its place in the cause, beside failures and interruptions", () =>
    Effect.gen(function* () {
      const fiberId = yield* Effect.fiberId
      const bothWith = (defect: unknown) =>
        Cause.parallel(
          Cause.sequential(Cause.die(defect), Cause.fail("a failure")),
          Cause.interrupt(fiberId),
        )
      const both = bothWith(token)
      const exit = yield* Effect.exit(shielded(Effect.failCause(both), redact, unwatched))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(cause).toMatchObject(bothWith({ message: "<redacted>" }))
      expect([...Cause.failures(cause)]).toEqual(["a failure"])
      expect([...Cause.defects(cause)]).toMatchObject([{ message: "<redacted>" }])
      expect(Cause.isInterrupted(cause)).toBe(true)
      const nothing = yield* Effect.exit(shielded(Effect.failCause(Cause.empty), redact, unwatched))
      expect(nothing).toEqual(Exit.failCause(Cause.empty))
    }))
})

it.effect("the shield lets no failed fiber of the client be logged", () =>
  Effect.gen(function* () {
    const logged: Array<unknown> = []
    yield* Effect.all([Effect.never, Effect.fail(token)], { concurrency: 2 }).pipe(
      (failing) => shielded(failing, redact, unwatched),
      Effect.exit,
      Effect.provide(
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logged.push(message))),
      ),
      Logger.withMinimumLogLevel(LogLevel.All),
    )
    expect(logged).toEqual([])
  }))
