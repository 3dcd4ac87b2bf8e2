/**
 * Tracers that hand on to another.
 *
 * @module
 */
import * as Tracer from "effect/Tracer"

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

/** A tracer whose spans another makes. */
export const tracerOver = (
  own: Tracer.Tracer,
  { before, span: change }: SpanChanges,
): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind, options) =>
      change(
        before === undefined
          ? own.span(name, parent, context, links, startTime, kind, options)
          : own.span(before.name(name), parent, context, links, startTime, kind, {
            ...options,
            attributes: before.attributes(options?.attributes ?? {}),
          }),
        kind,
      ),
    context: (execution, fiber) => own.context(execution, fiber),
  })
