export * from "effect4/Context"
export { type ServiceClass as TagClass } from "effect4/Context"
import * as Context from "effect4/Context"

export const Tag =
  <const Identifier extends string>(identifier: Identifier) =>
  <Self, Shape>(): Context.ServiceClass<Self, Identifier, Shape> =>
    Context.Service<Self, Shape>()(identifier)
