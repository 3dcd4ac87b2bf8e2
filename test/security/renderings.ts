/**
 * Every way in which a program can make text of what a call leaves behind.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

/** A place, and the text that stands there. */
export type Rendering = readonly [where: string, text: string]

/** Makes text of a value, as a runtime's own inspection does. */
export type Inspect = (value: unknown) => string

const attempt = (render: () => unknown): string => {
  try {
    return String(render())
  } catch (error) {
    // JSON knows no bigint and no circle, and whoever catches that shows it.
    return String(error)
  }
}

/** Of Node; Deno and Bun know it too. */
export const inspectDeep: Inspect = (value) =>
  `${inspectAs(value, true)}\n${inspectAs(value, false)}`

const inspectAs = (value: unknown, customInspect: boolean): string =>
  inspect(value, {
    customInspect,
    depth: Infinity,
    showHidden: true,
    showProxy: true,
    getters: true,
    maxArrayLength: null,
    maxStringLength: null,
  })

/** A value's renderings. */
export const renderValue = (
  name: string,
  value: unknown,
  inspectors: Readonly<Record<string, Inspect>>,
): ReadonlyArray<Rendering> =>
  typeof value === "string" ? [[name, value]] : [
    [`String of ${name}`, attempt(() => String(value))],
    [`JSON of ${name}`, attempt(() => JSON.stringify(value))],
    [`${name} walked`, [...walk(value, new Set())].join("\n")],
    ...Object.entries(inspectors).map(([inspector, inspect]): Rendering => [
      `${inspector} of ${name}`,
      attempt(() => inspect(value)),
    ]),
  ]

/** Every string that can be reached, through whatever a program can follow. */
function* walk(value: unknown, seen: Set<unknown>): Generator<string> {
  if (typeof value === "string") yield value
  if (typeof value === "symbol") yield String(value)
  if (value === null || typeof value !== "object" && typeof value !== "function") return
  if (seen.has(value) || seen.size > 20_000) return
  seen.add(value)
  if (value instanceof Map || value instanceof Set) yield* walk([...value], seen)
  // An Effect failure remembers its span behind a proxy, which shows no such property.
  const annotations = [Symbol.for("effect/SpanAnnotation"), Symbol.for("effect/OriginalAnnotation")]
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (at === Object.prototype || at === Function.prototype || at === Array.prototype) break
    for (const key of [...Reflect.ownKeys(at), ...annotations]) {
      yield String(key)
      let member: unknown
      try {
        // A getter is asked for the value itself, not for its prototype.
        member = Reflect.get(at, key, value)
      } catch (error) {
        member = error
      }
      yield* walk(member, seen)
    }
  }
}

/** What a call leaves behind: its exit, and all that it told loggers and tracers on its way. */
export const renderRun = <A, E>(
  run: Effect.Effect<A, E>,
  inspectors: Readonly<Record<string, Inspect>>,
): Effect.Effect<{ readonly exit: Exit.Exit<A, E>; readonly renderings: Array<Rendering> }> =>
  Effect.gen(function* () {
    const renderings: Array<Rendering> = []
    const tracer = recordingTracer(renderings, inspectors)
    const logged = Effect.exit(run).pipe(
      Effect.tap((exit) =>
        Exit.match(exit, { onFailure: logFailure, onSuccess: () => Effect.void })
      ),
      Effect.withSpan("caller"),
      Effect.withTracer(tracer),
    )
    const exit = yield* withCapturingLoggers(logged, renderings, inspectors)
    if (Exit.isFailure(exit)) renderings.push(...renderCause(exit.cause, inspectors))
    else renderings.push(...renderValue("the value", exit.value, inspectors))
    return { exit, renderings }
  })

const logFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return Effect.annotateLogs(Effect.logFatal("failed", error, { error }, cause), { cause, error })
}

const renderPretty = (cause: Cause.Cause<unknown>): ReadonlyArray<Rendering> => [
  ["Cause.pretty", Cause.pretty(cause)],
  ["Cause.pretty with causes", Cause.pretty(cause, { renderErrorCause: true })],
]

const renderCause = (
  cause: Cause.Cause<unknown>,
  inspectors: Readonly<Record<string, Inspect>>,
): ReadonlyArray<Rendering> => {
  const errors = [...Cause.failures(cause), ...Cause.defects(cause)]
  return [
    ...renderPretty(cause),
    ...renderValue("the cause", cause, inspectors),
    ...renderValue("the pretty errors", Cause.prettyErrors(cause), inspectors),
    ...[...errors, ...errors.flatMap(causesOf)].flatMap((error) => [
      ["stack", error instanceof Error ? String(error.stack) : ""] as const,
      ...renderValue("the error", error, inspectors),
    ]),
  ]
}

const causesOf = (error: unknown): ReadonlyArray<unknown> =>
  error instanceof Error && error.cause !== undefined ? [error.cause, ...causesOf(error.cause)] : []

/** Runs with all of Effect's loggers at once, and keeps what they say. */
const withCapturingLoggers = <A, E>(
  effect: Effect.Effect<A, E>,
  renderings: Array<Rendering>,
  inspectors: Readonly<Record<string, Inspect>>,
): Effect.Effect<A, E> =>
  Console.consoleWith((console) => {
    const capture = <Output>(name: string, logger: Logger.Logger<unknown, Output>) =>
      Logger.map(logger, (output) => {
        renderings.push(...renderValue(`what the ${name} logger says`, output, inspectors))
      })
    const print = (...args: ReadonlyArray<unknown>) => {
      renderings.push(["the console", args.map(show).join(" ")])
    }
    const show = (arg: unknown) => typeof arg === "string" ? arg : inspectAs(arg, true)
    const printing = { log: print, error: print, group: print, groupCollapsed: print }
    return effect.pipe(
      Effect.locally(
        FiberRef.currentLoggers,
        HashSet.make(
          capture("string", Logger.stringLogger),
          capture("logfmt", Logger.logfmtLogger),
          capture("JSON", Logger.jsonLogger),
          capture("structured", Logger.structuredLogger),
          Logger.prettyLogger({ colors: false, mode: "tty" }),
          Logger.prettyLogger({ colors: false, mode: "browser" }),
          Logger.tracerLogger,
          capture(
            "own",
            Logger.make(({ annotations, cause, message }) => [annotations, cause, message]),
          ),
        ),
      ),
      Effect.withConsole({ ...console, unsafe: { ...console.unsafe, ...printing, groupEnd() {} } }),
      Logger.withMinimumLogLevel(LogLevel.All),
    )
  })

// Its success is what the API answered, not what an HttpClient knows of it.
const isOurs = (span: string): boolean => span === "caller" || span.startsWith("ApiKeys.")

/** Keeps all that a tracer is told, the exits of spans among it. */
const recordingTracer = (
  renderings: Array<Rendering>,
  inspectors: Readonly<Record<string, Inspect>>,
): Tracer.Tracer => {
  let spans = 0
  return Tracer.make({
    context: (execution) => execution(),
    span: (name, parent, context, links, startTime, kind, options) => {
      const attributes = new Map<string, unknown>()
      const keep = (what: string, ...told: ReadonlyArray<unknown>) => {
        renderings.push(...renderValue(`the ${what} of a span`, told, inspectors))
      }
      keep("start", name, kind, options)
      spans++
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: String(spans).padStart(16, "0"),
        traceId: Option.match(parent, {
          onNone: () => "0".repeat(32),
          onSome: ({ traceId }) => traceId,
        }),
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        attribute: (key, value) => {
          attributes.set(key, value)
          keep("attribute", key, value)
        },
        event: (name, _time, attributes) => keep("event", name, attributes),
        addLinks: (links) => keep("links", links),
        end: (_time, exit) => {
          keep(Exit.isSuccess(exit) && isOurs(name) ? "value" : "end", exit)
          if (Exit.isFailure(exit)) renderings.push(...renderPretty(exit.cause))
        },
      }
      return span
    },
  })
}
