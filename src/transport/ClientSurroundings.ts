/**
 * What an HttpClient runs with.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"

/** What an HttpClient runs with, in place of what the program has set. */
export interface ClientSurroundings {
  /** Decides which requests have no span. */
  readonly tracerDisabledWhen: (
    own: Predicate.Predicate<HttpClientRequest.HttpClientRequest>,
  ) => Predicate.Predicate<HttpClientRequest.HttpClientRequest>
  readonly tracer: Tracer.Tracer
  /** Changes the span that the client runs in. If undefined, the span stays as it is. */
  readonly span: ((own: Tracer.Span) => Tracer.Span) | undefined
}
