// Effect 4 has its own exporter.
import * as Effect from "effect4/Effect"
import * as HttpBody from "effect4/http/HttpBody"
import * as HttpClient from "effect4/http/HttpClient"
import * as HttpClientResponse from "effect4/http/HttpClientResponse"
import * as Layer from "effect4/Layer"
import * as OtlpExporter from "effect4/observability/OtlpExporter"
import * as OtlpSerialization from "effect4/observability/OtlpSerialization"
import * as OtlpTracer from "effect4/observability/OtlpTracer"
import type * as Scope from "effect4/Scope"
import type * as Tracer from "effect4/Tracer"

interface Exporting {
  readonly tracer: Tracer.Tracer
  readonly exported: Effect.Effect<ReadonlyArray<unknown>>
}

export const exporting: Effect.Effect<Exporting, never, Scope.Scope> = Effect.gen(function* () {
  const spans: Array<unknown> = []
  const keep = (data: unknown) => {
    spans.push(data)
    return HttpBody.empty
  }
  const client = HttpClient.make((request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response()))
  )
  const context = yield* Layer.build(OtlpExporter.layerFlusher)
  const tracer = yield* OtlpTracer.make({
    url: "http://localhost/traces",
    resource: { serviceName: "test" },
  }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provideService(OtlpSerialization.OtlpSerialization, {
      traces: keep,
      metrics: keep,
      logs: keep,
    }),
    Effect.provideContext(context),
  )
  const exported = OtlpExporter.Flusher.use(({ flush }) => flush).pipe(
    Effect.provideContext(context),
    Effect.as(spans),
  )
  return { tracer, exported }
})
