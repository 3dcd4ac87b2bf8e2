// Here a span's attributes come after its making, through the span itself.
import * as Tracer from "effect/Tracer"

export interface SpanChanges {
  readonly before?: {
    readonly name: (name: string) => string
    readonly attributes: (attributes: Readonly<Record<string, unknown>>) => Record<string, unknown>
  }
  readonly span: (span: Tracer.Span, kind: Tracer.SpanKind) => Tracer.Span
}

export const tracerOver = (
  own: Tracer.Tracer,
  { before, span: change }: SpanChanges,
): Tracer.Tracer =>
  Tracer.make({
    span: (options) =>
      change(
        own.span(before === undefined ? options : { ...options, name: before.name(options.name) }),
        options.kind,
      ),
    context: own.context,
  })
