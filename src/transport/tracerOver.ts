/**
 * Wraps a tracer.
 *
 * @module
 */
import * as Tracer from "effect/Tracer"
import type { SpanChanges } from "./SpanChanges.ts"

/** Makes a tracer that changes the spans of another one. */
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
