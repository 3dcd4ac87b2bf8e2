import * as Context from "effect4/Context"

export * from "effect4/Context"
export { type Reference as ReferenceClass, type ServiceClass as TagClass } from "effect4/Context"

export const Tag =
  <const Id extends string>(id: Id) => <Self, Shape>(): Context.ServiceClass<Self, Id, Shape> =>
    Context.Service<Self, Shape>()(id)

export const Reference = <_Self>() =>
<Shape>(
  id: string,
  options: { readonly defaultValue: () => Shape },
): Context.Reference<Shape> => Context.Reference<Shape>(id, options)
