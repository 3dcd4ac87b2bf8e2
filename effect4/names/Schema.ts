export * from "effect4/Schema"
export {
  annotate as annotations,
  type Codec as Schema,
  DateTimeUtc as DateTimeUtcFromSelf,
  fromJsonString as parseJson,
  Option as OptionFromSelf,
  Redacted as RedactedFromSelf,
  RedactedFromValue as Redacted,
  toType as typeSchema,
} from "effect4/Schema"
import * as Schema from "effect4/Schema"
import type * as Brand from "effect4/Brand"
import type * as SchemaAST from "effect4/SchemaAST"
import * as SchemaTransformation from "effect4/SchemaTransformation"

export const Literal = <const Literals extends ReadonlyArray<SchemaAST.LiteralValue>>(
  ...literals: Literals
): Schema.Literals<Literals> => Schema.Literals(literals)

export const Union = <const Members extends ReadonlyArray<Schema.Constraint>>(
  ...members: Members
): Schema.Union<Members> => Schema.Union(members)

export const Record = <Key extends Schema.Record.Key, Value extends Schema.Constraint>(
  { key, value }: { readonly key: Key; readonly value: Value },
): Schema.$Record<Key, Value> => Schema.Record(key, value)

export const filter = <S extends Schema.Top>(
  predicate: (
    value: NoInfer<S["Type"]>,
  ) =>
    | boolean
    | undefined
    | { readonly path: ReadonlyArray<PropertyKey>; readonly message: string },
  annotations?: Schema.Annotations.Filter,
): (self: S) => S["Rebuild"] =>
  Schema.check<S>(Schema.makeFilter((value: S["Type"]) => {
    const found = predicate(value)
    return typeof found === "object" ? { path: found.path, issue: found.message } : found
  }, { ...annotations, expected: annotations?.description }))

export const Tuple = <const Elements extends ReadonlyArray<Schema.Constraint>>(
  ...elements: Elements
): Schema.Tuple<Elements> => Schema.Tuple(elements)

export const transform = <From extends Schema.Top, To extends Schema.Top>(
  from: From,
  to: To,
  { decode, encode }: {
    readonly strict: true
    readonly decode: (value: From["Type"]) => To["Encoded"]
    readonly encode: (value: To["Encoded"]) => From["Type"]
  },
): Schema.decodeTo<To, From> =>
  Schema.decodeTo<To, From>(to, SchemaTransformation.transform({ decode, encode }))(from)

export const fromBrand =
  <B extends string & Brand.Brand<string>>(brand: (text: string) => B) =>
  (self: typeof Schema.String): Schema.Codec<B, string> =>
    transform(self, Schema.declare((text): text is B => typeof text === "string"), {
      strict: true,
      decode: brand,
      encode: (text) => text,
    })
