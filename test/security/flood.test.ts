import { expect, it } from "vitest"
import {
  Credentials,
  getApiKey,
  listApiKeysPage,
  RetryPolicy,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import process from "node:process"
import type { ApiCall } from "../everyOperation.ts"

const mebibyte = 1024 * 1024
const key = JSON.stringify({
  id: "CCDB1_a",
  name: "n",
  service_account_id: "s",
  created_at: "2022-03-22T20:23:11.285067Z",
})

/** Bodies of a length that is given, full of what could cost more than its length. */
const shapes: Readonly<Record<string, (bytes: number) => string>> = {
  "one secret": (bytes) => `{"message":"CCDB1_a_${"x".repeat(bytes)}"}`,
  "secrets": (bytes) => `{"message":"m","x":"${"CCDB1_a_b ".repeat(bytes / 10)}"}`,
  "underscores": (bytes) => `{"message":"m","x":"CCDB1_a${"_a".repeat(bytes / 2)}"}`,
  "beginnings of secrets": (bytes) => `{"message":"${"CCDB1_".repeat(bytes / 6)}"}`,
  "escapes": (bytes) => `{"message":"${"\\u0041".repeat(bytes / 6)}"}`,
  "line breaks": (bytes) => `{"message":"${"\\n".repeat(bytes / 2)}"}`,
  "details": (bytes) => `{"message":"m","details":[${'{"a":1},'.repeat(bytes / 8)}0]}`,
  "levels": (bytes) => `{"x":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}`,
  "no JSON": (bytes) => "x".repeat(bytes),
  "keys": (bytes) => `{"api_keys":[${`${key},`.repeat(bytes / (key.length + 1))}${key}]}`,
  "a page token": (bytes) =>
    `{"api_keys":[],"pagination":{"next_page":"${"CCDB1_".repeat(bytes / 6)}"}}`,
  "digits of a second": (bytes) => key.replace(".285067Z", `.${"1".repeat(bytes)}x`),
}

// Only `npm run fuzz` measures, so that `npm test` does not fail on a slow machine.
const isMeasured = process.env["FUZZ_ANSWERS"] !== undefined

/** What an answer costs: the longest time in which nothing else runs, and the memory. */
const measure = async (body: string, status: number) => {
  const fetch: typeof globalThis.fetch = () =>
    Promise.resolve(
      new Response(body, { status, headers: { "content-type": "application/json" } }),
    )
  const client = Layer.provide(
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.Fetch, fetch),
  )
  const before = process.memoryUsage().rss
  let last = performance.now()
  let blocked = 0
  const look = () => {
    const now = performance.now()
    blocked = Math.max(blocked, now - last)
    last = now
  }
  const timer = setInterval(look, 1)
  const calls: ReadonlyArray<ApiCall> = [getApiKey("CCDB1_a"), listApiKeysPage()]
  for (const call of calls) {
    const outcome = await Effect.runPromise(
      call.pipe(
        withRetryPolicy(RetryPolicy.none),
        Effect.as("ok"),
        Effect.catchAll(({ _tag, message }) =>
          Effect.succeed(message.length < 900 ? _tag : message)
        ),
        Effect.provide(client),
        Effect.provide(Credentials.layerApiKey(Redacted.make("CCDB1_b_the-token-in-use"))),
      ),
    )
    expect(["ok", "UnexpectedResponse", "InvalidRequest", "ServerError"]).toContain(outcome)
  }
  look()
  clearInterval(timer)
  return { blocked, mebibytes: (process.memoryUsage().rss - before) / mebibyte }
}

it.each(Object.keys(shapes))(
  "an answer of up to 8 MiB of %s costs no more than its length explains",
  async (name) => {
    const shape = shapes[name] ?? (() => "")
    for (const status of [200, 400, 503]) {
      for (const bytes of isMeasured ? [64 * 1024, mebibyte, 8 * mebibyte] : [8 * mebibyte]) {
        const { blocked, mebibytes } = await measure(shape(bytes - 400), status)
        if (!isMeasured) continue
        console.log(
          `${name}, ${status}, ${bytes} bytes: ${blocked.toFixed(0)} ms, ${
            mebibytes.toFixed(0)
          } MiB`,
        )
        expect(blocked).toBeLessThan(2000)
        expect(mebibytes).toBeLessThan(512)
      }
    }
  },
)
