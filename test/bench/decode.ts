/**
 * Decoding a page of 500 keys, against JSON.parse of it.
 *
 * @module
 */
import { ApiKeyPage } from "@effect-crdb/api-keys"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { decodeApiKeyPage } from "../../src/transport/decode.ts"
import { Page } from "./clients/openapiFetch.ts"
import { compare } from "./compare.ts"
import { pageBody } from "./pages.ts"
import { atMost, figure, type Row } from "./row.ts"

const decodeSchema = Schema.decodeUnknownSync(ApiKeyPage)

/** Measures parsing and decoding, each alone and one after the other. */
export const decodeBench = async (): Promise<ReadonlyArray<Row>> => {
  const body = pageBody(0, 500, "next")
  const parsed: unknown = JSON.parse(body)
  const { byHand, decode, schema, zod } = await compare({
    parse: () => JSON.parse(body),
    decode: () => Either.getOrThrow(decodeApiKeyPage(parsed)),
    byHand: () => Either.getOrThrow(decodeApiKeyPage(JSON.parse(body))),
    schema: () => decodeSchema(JSON.parse(body)),
    zod: () => Page.parse(JSON.parse(body)),
  }, { calls: 10, rounds: 40, warmup: 30 })
  const times = (ratio: number) => `${ratio.toFixed(2)} x`
  return [
    atMost("decoding a page of 500 keys, against JSON.parse of it", decode.ratio, 2, times),
    figure("  parse and decode, against parse alone", times(byHand.ratio)),
    figure("  with the models' Schema", times(schema.ratio)),
    figure("  with zod, times as Date", times(zod.ratio)),
  ]
}
