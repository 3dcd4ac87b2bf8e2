/**
 * Calls the emulator as any HTTP client would, and keeps what came back.
 *
 * @module
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpMethod from "@effect/platform/HttpMethod"
import type * as Emulator from "../../src/emulator/mod.ts"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { misfit } from "./vendor.ts"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly json: Json
}

/** A body as these tests read it. Each test reads the fields of its own kind of answer. */
export interface Json {
  readonly api_key: KeyJson
  readonly secret: string
  readonly api_keys: ReadonlyArray<KeyJson>
  readonly pagination: { readonly next_page?: string; readonly previous_page?: string }
  readonly id: string
  readonly name: string
  readonly created_at: string
  readonly code: number
  readonly message: string
}

export interface KeyJson {
  readonly id: string
  readonly name: string
  readonly service_account_id: string
  readonly created_at: string
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The admin's by default; null for none. */
  readonly token?: Redacted.Redacted<string> | string | null
}

export const send = (
  client: HttpClient.HttpClient,
  token: string | null,
  method: HttpMethod.HttpMethod,
  url: string,
  options: RequestOptions = {},
): Effect.Effect<Answer, HttpClientError.HttpClientError> =>
  Effect.gen(function* () {
    const request = HttpClientRequest.make(method)(url).pipe(
      options.query ? HttpClientRequest.setUrlParams(options.query) : (same) => same,
      options.body === undefined
        ? (same) => same
        : HttpClientRequest.bodyText(JSON.stringify(options.body), "application/json"),
      token === null ? (same) => same : HttpClientRequest.bearerToken(token),
      options.headers ? HttpClientRequest.setHeaders(options.headers) : (same) => same,
    )
    const response = yield* client.execute(request)
    const text = yield* response.text
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  })

const parse = (text: string): Json => {
  try {
    return JSON.parse(text)
  } catch {
    return JSON.parse("{}")
  }
}

export const keys = "/api/v1/api-keys"

/**
 * Calls an emulator in memory, by default as its admin. Every answer must be as the
 * vendor describes it.
 */
export const call = (emulator: Emulator.EmulatorService) => {
  const ask = callAnything(emulator)
  return (method: HttpMethod.HttpMethod, path: string, options: RequestOptions = {}) =>
    Effect.tap(ask(method, path, options), ({ status, text }) => {
      const wrong = misfit(method, path, status, text)
      return wrong === undefined
        ? Effect.void
        : Effect.dieMessage(`${method} ${path} answered ${status} ${text}: ${wrong}`)
    })
}

/** Calls an emulator whose options make it answer in ways that the vendor does not describe. */
export const callAnything =
  (emulator: Emulator.EmulatorService) =>
  (method: HttpMethod.HttpMethod, path: string, options: RequestOptions = {}) => {
    const { token = emulator.admin.secret } = options
    return send(
      emulator.httpClient,
      Redacted.isRedacted(token) ? Redacted.value(token) : token,
      method,
      `https://emulator.invalid${path}`,
      options,
    )
  }
