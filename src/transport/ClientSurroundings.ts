/**
 * What is given to an HttpClient.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"

/** What an HttpClient finds in place of what the program has set. */
export interface ClientSurroundings {
  /** Decides which requests have no span. */
  readonly tracerDisabledWhen: (
    own: Predicate.Predicate<HttpClientRequest.HttpClientRequest>,
  ) => Predicate.Predicate<HttpClientRequest.HttpClientRequest>
  readonly tracer: Tracer.Tracer
  /** The span that the client is within; undefined leaves it. */
  readonly span: ((own: Tracer.Span) => Tracer.Span) | undefined
}
