import type * as Schema from "effect4/Schema"
import * as SchemaIssue from "effect4/SchemaIssue"

export const ArrayFormatter = {
  formatErrorSync: ({ issue }: Schema.SchemaError) =>
    SchemaIssue.makeFormatterStandardSchemaV1()(issue).issues,
}
