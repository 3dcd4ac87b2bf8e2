/**
 * One getApiKey on a stubbed fetch, against HttpClient and against fetch.
 *
 * @module
 */
import { Credentials, getApiKey } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { compare } from "./compare.ts"
import type { Line } from "./lines.ts"
import { atMost, figure, type Row } from "./row.ts"

const id = "CCDB1_12345abcdefGHIJKLMnopq"
const token = `${id}_0000000000000000000000000000000000000000`
const url = `https://cockroachlabs.cloud/api/v1/api-keys/${id}`
const headers = { accept: "application/json", authorization: `Bearer ${token}` }
const body = JSON.stringify({
  id,
  name: "example name",
  service_account_id: "1234abcd-1234-1234-abcd-12345678abcd",
  created_at: "2022-03-22T20:23:11.285067Z",
})

const withLength = { "content-type": "application/json", "content-length": String(body.length) }
const withoutLength = { "content-type": "application/json" }

const measure = async (
  answerHeaders: Readonly<Record<string, string>>,
  answer: string,
  target: number,
  overFetch: number,
): Promise<ReadonlyArray<Row>> => {
  const fetch: typeof globalThis.fetch = () =>
    Promise.resolve(new Response(body, { headers: answerHeaders }))
  const runtime = ManagedRuntime.make(
    FetchHttpClient.layer.pipe(
      Layer.merge(Credentials.layerApiKey(Redacted.make(token))),
      Layer.provideMerge(Layer.succeed(FetchHttpClient.Fetch, fetch)),
    ),
  )
  const bare = () =>
    runtime.runPromise(Effect.flatMap(
      HttpClient.HttpClient,
      (client) =>
        Effect.flatMap(
          client.execute(HttpClientRequest.get(url, { headers })),
          (response) => response.json,
        ),
    ))
  try {
    const { client, fetched, key } = await compare({
      client: bare,
      key: () => runtime.runPromise(getApiKey(id)),
      fetched: async (): Promise<unknown> =>
        JSON.parse(await (await fetch(url, { headers })).text()),
    }, { calls: 40, rounds: 40, warmup: 60 })
    return [
      atMost(
        `getApiKey against HttpClient.execute and its JSON, an answer with ${answer}`,
        key.ratio,
        target,
        (ratio) => `${ratio.toFixed(2)} x`,
      ),
      figure(
        "  microseconds: getApiKey; HttpClient; fetch and JSON.parse",
        [key, client, fetched].map(({ micros }) => micros.toFixed(0)).join("; "),
      ),
      atMost(
        `getApiKey against fetch and JSON.parse, an answer with ${answer}`,
        key.ratio / fetched.ratio,
        overFetch,
        (ratio) => `${ratio.toFixed(1)} x`,
      ),
    ]
  } finally {
    await runtime.dispose()
  }
}

const targets = {
  3: { withLength: 2.2, withoutLength: 2.8, overFetch: 13.8 },
  4: { withLength: 2, withoutLength: 2.5, overFetch: 7 },
}

/** Measures answers with and without a length. Small answers of the API have one. */
export const getApiKeyBench = async (line: Line): Promise<ReadonlyArray<Row>> => {
  const { overFetch, ...over } = targets[line]
  return [
    ...await measure(withLength, "Content-Length", over.withLength, overFetch),
    ...await measure(withoutLength, "no length", over.withoutLength, overFetch),
  ]
}
