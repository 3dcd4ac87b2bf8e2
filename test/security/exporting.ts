/**
 * OpenTelemetry's own tracer.
 *
 * @module
 */
import * as OtelTracer from "@effect/opentelemetry/Tracer"
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"

/** A tracer, and the spans that it has exported. */
export interface Exporting {
  readonly tracer: Tracer.Tracer
  readonly exported: Effect.Effect<ReadonlyArray<unknown>>
}

/** A tracer that exports into memory. */
export const exporting: Effect.Effect<Exporting, never, Scope.Scope> = Effect.gen(function* () {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracer = yield* Effect.provideService(
    OtelTracer.make,
    OtelTracer.OtelTracer,
    provider.getTracer("test"),
  )
  const exported = Effect.sync(() =>
    exporter.getFinishedSpans().map(({ attributes, events, links, name, resource, status }) => ({
      attributes,
      events,
      links,
      name,
      resource,
      status,
    }))
  )
  return { tracer, exported }
})
