/**
 * Makes the calls that it is given, and returns how each ended. Runs on Node, Deno and Bun.
 *
 * @module
 */
import {
  createApiKey,
  Credentials,
  getApiKey,
  MaxResponseBytes,
  RetryPolicy,
} from "../../src/mod.ts"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import process from "node:process"
import { id } from "../everyOperation.ts"
import { leakIn, tokens } from "./secrets.ts"

/** The calls to make. */
export interface Setting {
  readonly port: number
  readonly cases: ReadonlyArray<{
    readonly name: string
    readonly maxBytes?: number | undefined
    readonly timeoutMillis?: number | undefined
    readonly operation?: string | undefined
  }>
}

/** How a call ended. */
export interface Outcome {
  readonly name: string
  /** A tag, `ok`, or `defect`. */
  readonly outcome: string
  readonly status: number | undefined
  readonly message: string
  readonly details: ReadonlyArray<unknown>
  /** The key's name. */
  readonly keyName: string | undefined
  /** The most memory that the process took on while the call ran, in MiB. */
  readonly grown: number
  readonly polluted: boolean
}

/** Makes the calls one by one. */
export const suffer = async (setting: Setting): Promise<ReadonlyArray<Outcome>> => {
  const outcomes: Array<Outcome> = []
  for (const { maxBytes, name, operation, timeoutMillis } of setting.cases) {
    // A reusable connection returns to its pool a little later.
    await new Promise((resolve) => setTimeout(resolve, 5))
    const before = process.memoryUsage().rss
    let most = before
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5)
    const call = operation === "createApiKey"
      ? Effect.map(createApiKey({ name: "n", serviceAccountId: "s" }), ({ apiKey }) => apiKey)
      : getApiKey(id)
    const exit = await Effect.runPromiseExit(call.pipe(
      Effect.provideService(MaxResponseBytes, maxBytes ?? 8 * 1024 * 1024),
      Effect.provideService(
        RetryPolicy,
        RetryPolicy.make({ schedule: Schedule.stop, attemptTimeout: timeoutMillis ?? 20_000 }),
      ),
      Effect.provide(Layer.merge(
        FetchHttpClient.layer,
        Credentials.layerApiKey(Redacted.make(tokens.apiKey), {
          baseUrl: `http://127.0.0.1:${setting.port}/${name}`,
        }),
      )),
    ))
    clearInterval(watch)
    const error = Exit.isFailure(exit)
      ? Option.getOrUndefined(Cause.failureOption(exit.cause))
      : undefined
    const text = Exit.isFailure(exit) ? Cause.pretty(exit.cause, { renderErrorCause: true }) : ""
    if (leakIn(text) !== undefined) throw new Error(`${name} shows a secret`)
    outcomes.push({
      name,
      outcome: Exit.isSuccess(exit) ? "ok" : error?._tag ?? "defect",
      status: error !== undefined && "status" in error ? error.status : undefined,
      details: error !== undefined && "details" in error ? error.details : [],
      message: error?.message ?? text,
      keyName: Exit.isSuccess(exit) ? exit.value.name : undefined,
      grown: Math.round((most - before) / 1024 / 1024),
      polluted: "polluted" in {},
    })
  }
  return outcomes
}

// On Deno and Bun it runs as a program, and reads its calls from the only argument.
const argument = process.argv[2]
if (/victim\.ts$/.test(process.argv[1] ?? "") && argument !== undefined) {
  console.log(JSON.stringify(await suffer(JSON.parse(argument))))
}
