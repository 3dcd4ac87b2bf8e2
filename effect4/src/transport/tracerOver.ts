// In Effect 4, a span gets its attributes after it is made, through the span itself.
import * as Tracer from "effect/Tracer"
import type { SpanChanges } from "./SpanChanges.ts"

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
