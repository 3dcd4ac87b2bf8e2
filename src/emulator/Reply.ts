/**
 * The answers of the API as plain data, before they are sent: a status, headers and a body.
 *
 * @module
 */

/** An answer as plain data. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly contentType: string
  readonly body: string
}

/** The form of the body of every answer other than 200. */
export type ErrorBodies = "status" | "empty-object" | "html" | "none"

/** Answers 200 with a JSON value. */
export const json = (value: unknown): Reply => ({
  status: 200,
  headers: {},
  contentType: "application/json",
  body: JSON.stringify(value),
})

// The codes of google.rpc.Code, by HTTP status.
const code: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  413: 8,
  500: 13,
  501: 12,
  503: 14,
  504: 4,
}

const resourceExhausted = 8

const rpcStatus = (status: number, code: number, message: string): Reply => ({
  status,
  headers: {},
  contentType: "application/json",
  body: JSON.stringify({ code, message, details: [] }),
})

/** Answers with a `google.rpc.Status`, whose code follows from the HTTP status. */
export const failure = (status: number, message: string): Reply =>
  rpcStatus(status, code[status] ?? 2, message)

/** Refuses a request over the rate limit. Code and message are the same under every status. */
export const rateLimited = (
  status: number,
  headers: Readonly<Record<string, string>>,
): Reply => ({ ...rpcStatus(status, resourceExhausted, "rate limit exceeded"), headers })

/** Gives a failure a body in one of the forms that the API's description leaves open. */
export const withErrorBody = (reply: Reply, form: ErrorBodies): Reply => {
  if (reply.status === 200 || form === "status") return reply
  if (form === "empty-object") return { ...reply, body: "{}" }
  if (form === "none") return { ...reply, body: "" }
  return {
    ...reply,
    contentType: "text/html",
    body: `<html><body><h1>${reply.status}</h1></body></html>`,
  }
}
