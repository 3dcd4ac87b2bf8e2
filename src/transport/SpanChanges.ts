/**
 * What tracers that hand on to another change.
 *
 * @module
 */
import type * as Tracer from "effect/Tracer"

/** What becomes of each span that a tracer makes. */
export interface SpanChanges {
  /** What is told of it before it is made. */
  readonly before?: {
    readonly name: (name: string) => string
    readonly attributes: (attributes: Readonly<Record<string, unknown>>) => Record<string, unknown>
  }
  /** The span itself. */
  readonly span: (span: Tracer.Span, kind: Tracer.SpanKind) => Tracer.Span
}
