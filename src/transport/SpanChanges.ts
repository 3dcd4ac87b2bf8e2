/**
 * What a tracer changes in the spans of another one.
 *
 * @module
 */
import type * as Tracer from "effect/Tracer"

/** What a tracer changes in each span that another one makes. */
export interface SpanChanges {
  /** Changes the name and the attributes, before the span is made. */
  readonly before?: {
    readonly name: (name: string) => string
    readonly attributes: (attributes: Readonly<Record<string, unknown>>) => Record<string, unknown>
  }
  /** Changes the span itself. */
  readonly span: (span: Tracer.Span, kind: Tracer.SpanKind) => Tracer.Span
}
