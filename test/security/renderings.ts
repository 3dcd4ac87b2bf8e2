/**
 * Every way in which a program can make text of what a call leaves behind.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Tracer from "effect/Tracer"
import { inspect, types } from "node:util"
import { tracerOver } from "../../src/transport/tracerOver.ts"

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

/** Inspections, by name. */
export type Inspectors = Readonly<Record<string, Inspect>>

/** A value's renderings, which pass over the objects that were seen where only they are looked at. */
export const renderValue = (
  name: string,
  value: unknown,
  inspectors: Inspectors,
  seen: Set<unknown> = new Set(),
): ReadonlyArray<Rendering> =>
  isPrimitive(value) ? [[name, String(value)]] : [
    [`String of ${name}`, attempt(() => String(value))],
    [`JSON of ${name}`, attempt(() => JSON.stringify(value))],
    [`${name} walked`, [...walk(value, seen)].join("\n")],
    ...Object.entries(inspectors).map(([inspector, inspect]): Rendering => [
      `${inspector} of ${name}`,
      attempt(() => inspect(value)),
    ]),
  ]

// Whatever makes text of it makes the same.
const isPrimitive = (value: unknown): boolean => value !== Object(value)

/** Every string that can be reached, through whatever a program can follow. */
const walk = (root: unknown, seen: Set<unknown>): ReadonlySet<string> => {
  const strings = new Set<string>()
  const ahead = [root]
  while (ahead.length > 0) {
    const value = ahead.pop()
    if (typeof value === "string") strings.add(value)
    if (typeof value === "symbol") strings.add(String(value))
    if (value === null || typeof value !== "object" && typeof value !== "function") continue
    if (seen.has(value)) continue
    seen.add(value)
    // Whatever reaches that much reaches the runtime's own world, and is to be cut off there.
    if (seen.size > 20_000) throw new Error("too much to walk through")
    if (value instanceof Map || value instanceof Set) ahead.push(...value)
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
      if (at === Object.prototype || at === Function.prototype || at === Array.prototype) break
      for (const key of [...Reflect.ownKeys(at), ...annotations]) {
        strings.add(String(key))
        try {
          // A getter is asked for the value itself, not for its prototype.
          ahead.push(Reflect.get(at, key, value))
        } catch (error) {
          ahead.push(error)
        }
      }
    }
  }
  return strings
}

// An Effect failure remembers its span behind a proxy, which shows no such property.
const annotations = [Symbol.for("effect/SpanAnnotation"), Symbol.for("effect/OriginalAnnotation")]

/** Keeps the renderings of what a run tells, of each value once. */
interface Told {
  readonly renderings: Array<Rendering>
  readonly values: (name: string, values: ReadonlyArray<unknown>) => void
}

const makeTold = (inspectors: Inspectors): Told => {
  const renderings: Array<Rendering> = []
  const known = new Set<unknown>()
  const seen = new Set<unknown>()
  return {
    renderings,
    values: (name, values) => {
      const ahead = [...values]
      while (ahead.length > 0) {
        const value = ahead.pop()
        if (known.has(value)) continue
        known.add(value)
        const parts = partsOf(value)
        if (parts !== undefined) ahead.push(...parts)
        else renderings.push(...renderValue(name, value, inspectors, seen))
      }
    },
  }
}

/** The renderings of a value's parts, of each once. */
export const renderOnce = (
  name: string,
  value: unknown,
  inspectors: Inspectors,
): ReadonlyArray<Rendering> => {
  const told = makeTold(inspectors)
  told.values(name, [value])
  return told.renderings
}

/** What something shows and nothing else, where it shows no more than its parts. */
const partsOf = (value: unknown): ReadonlyArray<unknown> | undefined => {
  if (Exit.isExit(value)) return [Exit.isFailure(value) ? value.cause : value.value]
  if (typeof value !== "object" || value === null || types.isProxy(value)) return undefined
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype) return undefined
  const parts: Array<unknown> = []
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (property === undefined || property.get !== undefined) return undefined
    parts.push(key, property.value)
  }
  return parts
}

/** What a call leaves behind: its exit, and all that it told loggers and tracers on its way. */
export const renderRun = <A, E>(
  run: Effect.Effect<A, E>,
  inspectors: Inspectors,
): Effect.Effect<
  { readonly exit: Exit.Exit<A, E>; readonly renderings: ReadonlyArray<Rendering> }
> =>
  Effect.gen(function* () {
    const told = makeTold(inspectors)
    // Apart, so that what an answer holds counts as told where it is told elsewhere too.
    const answers = makeTold(inspectors)
    const logged = Effect.exit(run).pipe(
      Effect.tap((exit) =>
        Exit.match(exit, { onFailure: logFailure, onSuccess: () => Effect.void })
      ),
      Effect.withSpan("caller"),
      Effect.withTracer(recordingTracer(told, answers, yield* Effect.tracer)),
    )
    const exit = yield* withCapturingLoggers(logged, told)
    // Anew, since what was told before may have changed since.
    const last = renderExit(exit, inspectors)
    return { exit, renderings: [...told.renderings, ...answers.renderings, ...last] }
  })

const logFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return Effect.annotateLogs(Effect.logFatal("failed", error, { error }, cause), { cause, error })
}

const renderPretty = (cause: Cause.Cause<unknown>): ReadonlyArray<Rendering> => [
  ["Cause.pretty", Cause.pretty(cause)],
  ["Cause.pretty with causes", Cause.pretty(cause, { renderErrorCause: true })],
]

const renderExit = (
  exit: Exit.Exit<unknown, unknown>,
  inspectors: Inspectors,
): ReadonlyArray<Rendering> => {
  if (Exit.isSuccess(exit)) return renderValue("the value", exit.value, inspectors)
  const { cause } = exit
  const errors = [...Cause.failures(cause), ...Cause.defects(cause)]
  const seen = new Set<unknown>()
  return [
    ...renderPretty(cause),
    ...renderValue("the exit", exit, inspectors, seen),
    ...renderValue("the pretty errors", Cause.prettyErrors(cause), inspectors, seen),
    ...[...errors, ...errors.flatMap(causesOf)].flatMap((error) => [
      ["stack", error instanceof Error ? String(error.stack) : ""] as const,
      ...renderValue("the error", error, inspectors, seen),
    ]),
  ]
}

const causesOf = (error: unknown): ReadonlyArray<unknown> =>
  error instanceof Error && error.cause !== undefined ? [error.cause, ...causesOf(error.cause)] : []

/** Runs with all of Effect's loggers at once, and keeps what they say. */
const withCapturingLoggers = <A, E>(
  effect: Effect.Effect<A, E>,
  told: Told,
): Effect.Effect<A, E> =>
  Console.consoleWith((console) => {
    const capture = <Output>(name: string, logger: Logger.Logger<unknown, Output>) =>
      Logger.map(logger, (output) => told.values(`what the ${name} logger says`, [output]))
    const print = (...args: ReadonlyArray<unknown>) => told.values("the console", args)
    const printing = { log: print, error: print, group: print, groupCollapsed: print }
    const loggers: ReadonlyArray<Logger.Logger<unknown, unknown>> = [
      capture("string", Logger.stringLogger),
      capture("logfmt", Logger.logfmtLogger),
      capture("JSON", Logger.jsonLogger),
      capture("structured", Logger.structuredLogger),
      Logger.prettyLogger({ colors: false, mode: "tty" }),
      Logger.prettyLogger({ colors: false, mode: "browser" }),
      Logger.tracerLogger,
      Logger.make(({ annotations, cause, message }) =>
        told.values("what a logger is told", [[...annotations], cause, message])
      ),
    ]
    return loggers.reduce((logged, logger) => Effect.provide(logged, Logger.add(logger)), effect)
      .pipe(
        Effect.withConsole({
          ...console,
          unsafe: { ...console.unsafe, ...printing, groupEnd() {} },
        }),
        Logger.withMinimumLogLevel(LogLevel.All),
      )
  })

// Its success is what the API answered, not what an HttpClient knows of it.
const isOurs = (span: string): boolean => span === "caller" || span.startsWith("ApiKeys.")

/** Keeps all that a tracer is told, the exits of spans among it, and tells it on. */
const recordingTracer = (told: Told, answers: Told, tracer: Tracer.Tracer): Tracer.Tracer => {
  const keep = (what: string, ...values: ReadonlyArray<unknown>) =>
    told.values(`the ${what} of a span`, values)
  return tracerOver(tracer, {
    before: {
      name: (name) => {
        keep("name", name)
        return name
      },
      attributes: (attributes) => {
        keep("beginning", attributes)
        return attributes
      },
    },
    span: (inner, kind) => {
      keep("start", inner.name, kind, inner.links)
      const attributes = new Map<string, unknown>()
      const { context, links, name, parent, sampled, spanId, status, traceId } = inner
      // Not the tracer's own span: errors remember theirs, and a tracer's knows its exporter.
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId,
        traceId,
        parent,
        context,
        ...("annotations" in inner && { annotations: inner.annotations }),
        status,
        attributes,
        links,
        sampled,
        kind,
        attribute: (key, value) => {
          attributes.set(key, value)
          keep("attribute", key, value)
          inner.attribute(key, value)
        },
        event: (name, time, attributes) => {
          keep("event", name, attributes)
          inner.event(name, time, attributes)
        },
        addLinks: (links) => {
          keep("links", links)
          inner.addLinks(links)
        },
        end: (time, exit) => {
          if (Exit.isSuccess(exit) && isOurs(name)) answers.values("the value of a span", [exit])
          else keep("end", exit)
          if (Exit.isFailure(exit)) {
            for (const [where, text] of renderPretty(exit.cause)) told.values(where, [text])
          }
          inner.end(time, exit)
        },
      }
      return span
    },
  })
}
