export * from "effect4/Tracer"
import type * as Context from "effect4/Context"
import type * as Option from "effect4/Option"
import * as Tracer from "effect4/Tracer"

export const make = ({ context, span }: {
  readonly context: <X>(execution: () => X) => X
  readonly span: (
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    context: Context.Context<never>,
    links: Array<Tracer.SpanLink>,
    startTime: bigint,
    kind: Tracer.SpanKind,
    options: Tracer.SpanOptions,
  ) => Tracer.Span
}): Tracer.Tracer =>
  Tracer.make({
    context: (primitive, fiber) => context(() => primitive["~effect/Effect/evaluate"](fiber)),
    span: ({ annotations, kind, links, name, parent, root, sampled, startTime }) =>
      Object.assign(
        span(name, parent, annotations, links, startTime, kind, { root, sampled }),
        { annotations },
      ),
  })
