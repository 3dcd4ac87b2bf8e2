/**
 * Every way in which a program can turn what a call leaves behind into text.
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

/** A place, and its text. */
export type Rendering = readonly [where: string, text: string]

/** Turns a value into text, as a runtime's inspection does. */
export type Inspect = (value: unknown) => string

const attempt = (render: () => unknown): string => {
  try {
    return String(render())
  } catch (error) {
    // JSON.stringify refuses a bigint and a cycle. A program may show that error.
    return String(error)
  }
}

/** Node's `util.inspect`, which Deno and Bun have too. */
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

/** Inspect functions, by name. */
export type Inspectors = Readonly<Record<string, Inspect>>

/** A value's renderings. The walk skips objects in `seen`; the other renderings do not. */
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

// Every rendering of a primitive gives the same text.
const isPrimitive = (value: unknown): boolean => value !== Object(value)

/** Every string that a program can reach from a value. */
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
    // A walk this long has reached the runtime's own objects, which the caller must cut off.
    if (seen.size > 20_000) throw new Error("too much to walk through")
    if (value instanceof Map || value instanceof Set) ahead.push(...value)
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
      if (at === Object.prototype || at === Function.prototype || at === Array.prototype) break
      for (const key of [...Reflect.ownKeys(at), ...annotations]) {
        strings.add(String(key))
        try {
          // The receiver is the value, so that a prototype's getter sees it.
          ahead.push(Reflect.get(at, key, value))
        } catch (error) {
          ahead.push(error)
        }
      }
    }
  }
  return strings
}

// Effect keeps the span of a failure behind a proxy that does not list these keys.
const annotations = [Symbol.for("effect/SpanAnnotation"), Symbol.for("effect/OriginalAnnotation")]

/** Collects the renderings of the values that a run emits, each value once. */
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

/** The renderings of a value's parts, each part once. */
export const renderOnce = (
  name: string,
  value: unknown,
  inspectors: Inspectors,
): ReadonlyArray<Rendering> => {
  const told = makeTold(inspectors)
  told.values(name, [value])
  return told.renderings
}

/** A value's parts, if rendering the parts shows everything that rendering the value would. */
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

/** Renders what a call leaves behind: its exit, and all that loggers and tracers got. */
export const renderRun = <A, E>(
  run: Effect.Effect<A, E>,
  inspectors: Inspectors,
): Effect.Effect<
  { readonly exit: Exit.Exit<A, E>; readonly renderings: ReadonlyArray<Rendering> }
> =>
  Effect.gen(function* () {
    const told = makeTold(inspectors)
    // Kept apart, so that a value of an answer is still rendered if it is told elsewhere too.
    const answers = makeTold(inspectors)
    const logged = Effect.exit(run).pipe(
      Effect.tap((exit) =>
        Exit.match(exit, { onFailure: logFailure, onSuccess: () => Effect.void })
      ),
      Effect.withSpan("caller"),
      Effect.withTracer(recordingTracer(told, answers, yield* Effect.tracer)),
    )
    const exit = yield* withCapturingLoggers(logged, told)
    // Rendered again, since a value may have changed after it was told.
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

/** Runs with all of Effect's loggers at once, and collects their output. */
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

// The success of these spans is the API's answer, not an HttpClient's response.
const isOurs = (span: string): boolean => span === "caller" || span.startsWith("ApiKeys.")

/** Collects all that a tracer is told, with the exits of spans, and passes it on. */
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
      // A copy, since errors keep their span, and the tracer's own span leads to its exporter.
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
