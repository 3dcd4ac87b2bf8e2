import * as Context from "effect4/Context"

export * from "effect4/Context"

export type TagClass<Self, Id extends string, Shape> = Context.ServiceClass<
  Self,
  Id,
  Shape
>

export const Tag =
  <const Id extends string>(id: Id) => <Self, Shape>(): TagClass<Self, Id, Shape> =>
    Context.Service<Self, Shape>()(id)

export type Reference<Shape> = Context.Reference<Shape>

export type ReferenceClass<_Self, _Id extends string, Shape> = Context.Reference<Shape>

export const Reference = <_Self>() =>
<Shape>(
  id: string,
  options: { readonly defaultValue: () => Shape },
): Context.Reference<Shape> => Context.Reference<Shape>(id, options)
