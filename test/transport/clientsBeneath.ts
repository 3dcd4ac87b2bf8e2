/** How a call may end through a client that repeats or redirects by itself, by operation. */
import type { ApiKeyError, Operation } from "@effect-crdb/api-keys"
import type { FaultRule } from "@effect-crdb/api-keys/emulator"
import * as HttpClient from "@effect/platform/HttpClient"
import { mutations } from "../everyOperation.ts"

/** A client beneath the module, a fault that every request meets, and how the call ends. */
export interface BeneathRow {
  readonly client: string
  readonly wrap: (client: HttpClient.HttpClient) => HttpClient.HttpClient
  readonly failure: string
  readonly fault: FaultRule["fault"]
  /** The error that the call ends with. `createTag` is that of a create, if it differs. */
  readonly tag: ApiKeyError["_tag"]
  readonly createTag?: ApiKeyError["_tag"]
  /** Requests that leave the process. A create sends one, whatever the client does. */
  readonly sent: number
  /** Whether a mutation's error says that the change may have been made. */
  readonly open: boolean
  /** Whether the server may see fewer: a connection can break on the way there. */
  readonly breaks?: true
}

const transient = (client: HttpClient.HttpClient) => HttpClient.retryTransient(client, { times: 3 })
const untraced = HttpClient.withTracerDisabledWhen(() => true)

const respond = (status: number, acted = false): FaultRule["fault"] => ({
  _tag: "Respond",
  status,
  acted,
})

const redirect = (status: number, location: string): FaultRule["fault"] => ({
  _tag: "Respond",
  status,
  headers: { location },
})

/** The rows for a server at `baseUrl`, which is on 127.0.0.1. */
export const beneathRows = (baseUrl: string): ReadonlyArray<BeneathRow> => {
  const elsewhere = `${baseUrl.replace("127.0.0.1", "localhost")}/api/v1/api-keys`
  const nearby = `${baseUrl}/api/v1/api-keys?nearby`
  return [
    {
      client: "retryTransient",
      wrap: transient,
      failure: "503",
      fault: respond(503),
      tag: "ServerError",
      sent: 4,
      open: true,
    },
    {
      client: "retryTransient",
      wrap: transient,
      failure: "503 after the server acted",
      fault: respond(503, true),
      tag: "ServerError",
      sent: 4,
      open: true,
    },
    {
      client: "retryTransient",
      wrap: transient,
      failure: "429",
      fault: respond(429),
      tag: "RateLimited",
      sent: 4,
      open: false,
    },
    {
      client: "retryTransient",
      wrap: transient,
      failure: "a connection lost after the server acted",
      fault: { _tag: "DropAfter" },
      tag: "TransportError",
      sent: 4,
      open: true,
      breaks: true,
    },
    {
      client: "retryTransient, not traced",
      wrap: (client) => untraced(transient(client)),
      failure: "503 after the server acted",
      fault: respond(503, true),
      tag: "ServerError",
      // Without the client's span, the module does not see the client's answer either.
      createTag: "TransportError",
      sent: 4,
      open: true,
    },
    {
      client: "retry",
      wrap: HttpClient.retry({ times: 3 }),
      failure: "a connection lost before the server acted",
      fault: { _tag: "DropBefore" },
      tag: "TransportError",
      sent: 4,
      open: true,
      breaks: true,
    },
    {
      client: "retry",
      wrap: HttpClient.retry({ times: 3 }),
      failure: "503",
      fault: respond(503),
      tag: "ServerError",
      sent: 1,
      open: true,
    },
    ...[301, 302, 303, 307, 308].flatMap((status): ReadonlyArray<BeneathRow> => [
      {
        client: "followRedirects",
        wrap: HttpClient.followRedirects(3),
        failure: `${status} to another origin`,
        fault: redirect(status, elsewhere),
        tag: "UnexpectedResponse",
        sent: 1,
        open: true,
      },
      {
        client: "followRedirects",
        wrap: HttpClient.followRedirects(3),
        failure: `${status} within the origin`,
        fault: redirect(status, nearby),
        tag: "UnexpectedResponse",
        sent: 1,
        open: true,
      },
    ]),
  ]
}

/** How a call of `operation` ends. */
export const expectedOf = (
  { createTag, open, sent, tag }: BeneathRow,
  operation: Operation,
): { readonly tag: ApiKeyError["_tag"]; readonly sent: number; readonly open: boolean } => ({
  tag: operation === "createApiKey" ? createTag ?? tag : tag,
  sent: operation === "createApiKey" ? 1 : sent,
  open: open && mutations.includes(operation),
})
