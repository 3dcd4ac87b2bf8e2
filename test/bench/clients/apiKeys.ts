import { Credentials, listApiKeys } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Setting } from "../pages.ts"

export const walk = ({ baseUrl, pageSize, token }: Setting): Promise<number> =>
  listApiKeys({ pageSize }).pipe(
    Stream.runCount,
    Effect.provide(Credentials.layerApiKey(Redacted.make(token), { baseUrl })),
    Effect.provide(FetchHttpClient.layer),
    Effect.runPromise,
  )
