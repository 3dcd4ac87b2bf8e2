import { describe, expect, it } from "vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Operation } from "@effect-crdb/api-keys"
import {
  describeMismatch,
  failedStatus,
  lost,
  mismatched,
  refused,
} from "../../src/transport/failure.ts"
import { operations } from "../../src/operation.ts"
import { everyOperation, mutations, operationNames } from "../everyOperation.ts"

const state = (operation: Operation) => ({
  operation: operations[operation],
  attempts: 2,
  mayHaveApplied: false,
})

const failed = (
  operation: Operation,
  status: number,
  answer: { readonly body?: string; readonly headers?: Record<string, string> } = {},
) => failedStatus(state(operation), { status, headers: {}, body: "", ...answer }, ["token"], 0)

const retryAfter = { "retry-after": "7" }

describe("the message, which says what happened and what to do,", () => {
  const messages: ReadonlyArray<readonly [Operation, number, Record<string, string>, string]> = [
    ["getApiKey", 400, {}, "the API refused the request (HTTP 400). Correct the input"],
    [
      "getApiKey",
      401,
      {},
      "the API does not accept the token (HTTP 401). Check that it is whole, that its key was not " +
      "deleted, and for a JWT the vanity name",
    ],
    [
      "createApiKey",
      403,
      {},
      "the caller may not do this (HTTP 403). createApiKey needs the role ORG_ADMIN at " +
      "organization scope",
    ],
    [
      "getApiKey",
      403,
      {},
      "the caller may not do this (HTTP 403). getApiKey needs the role ORG_ADMIN or CLUSTER_ADMIN " +
      "at organization scope",
    ],
    [
      "updateApiKey",
      403,
      {},
      "the caller may not do this (HTTP 403). updateApiKey needs the role ORG_ADMIN at " +
      "organization scope",
    ],
    [
      "deleteApiKey",
      403,
      {},
      "the caller may not do this (HTTP 403). deleteApiKey needs the role ORG_ADMIN at " +
      "organization scope",
    ],
    [
      "listApiKeys",
      403,
      {},
      "the caller may not do this (HTTP 403). listApiKeys needs the role ORG_ADMIN or " +
      "CLUSTER_ADMIN at organization scope",
    ],
    [
      "getApiKey",
      429,
      {},
      "too many requests (HTTP 429). Try again later, and send fewer: see throttled",
    ],
    [
      "getApiKey",
      429,
      retryAfter,
      "too many requests (HTTP 429). Try again in 7s, and send fewer: see throttled",
    ],
    ["getApiKey", 500, {}, "the API failed (HTTP 500). Try again later"],
    ["getApiKey", 599, retryAfter, "the API failed (HTTP 599). Try again in 7s"],
    ...[100, 199, 299, 402, 499, 600].map((status) =>
      [
        "getApiKey",
        status,
        {},
        `the answer has an unexpected status (HTTP ${status}). Check the base URL and what stands ` +
        "between",
      ] as const
    ),
    ...[300, 307, 399].map((status) =>
      [
        "getApiKey",
        status,
        {},
        `the answer has an unexpected status (HTTP ${status}). Redirects are not followed: check ` +
        "the base URL",
      ] as const
    ),
  ]
  it.each(messages)("of %s after %i with headers %j", (operation, status, headers, message) => {
    const { error } = failed(operation, status, { headers })
    expect(error.message).toBe(`${operation}: ${message}`)
  })

  it.each(everyOperation)("of $operation after 404: no such $subject", ({ operation, subject }) => {
    expect(failed(operation, 404).error.message).toBe(
      `${operation}: there is no such ${subject} (HTTP 404). Check the ${subject} id`,
    )
  })

  it("repeats what the API said", () => {
    const { error } = failed("getApiKey", 404, { body: '{"message":"no key x"}' })
    expect(error.message).toBe(
      "getApiKey: there is no such API key (HTTP 404: no key x). Check the API key id",
    )
  })

  const look = "The change may have been made: look before asking for it again"
  const check = "Check the network and the base URL"

  it.each(operationNames)("of a lost %s", (operation) => {
    const advice = mutations.includes(operation) ? look : check
    const { error } = lost(state(operation), "Connection", "no connection, or lost")
    expect(error).toMatchObject({
      _tag: "TransportError",
      reason: "Connection",
      message: `${operation}: no connection, or lost. ${advice}`,
    })
  })

  it("of an attempt that was not sent, after one that may have made the change", () => {
    const earlier = { ...state("createApiKey"), mayHaveApplied: true }
    const { error } = lost(earlier, "Timeout", "no success within 5s", false)
    expect(error.message).toBe(`createApiKey: no success within 5s. ${look}`)
  })

  it.each(operationNames)("of a %s that was never sent", (operation) => {
    const { error } = lost(state(operation), "Timeout", "no success within 5s", false)
    expect(error).toMatchObject({ message: `${operation}: no success within 5s. ${check}` })
  })

  it.each(operationNames)("of a success of %s with an unusable body", (operation) => {
    const advice = mutations.includes(operation) ? `. ${look}` : ""
    const { error } = mismatched(state(operation), 200, "its body is empty")
    expect(error.message).toBe(
      `${operation}: the API answered 200, but its body is empty${advice}`,
    )
  })

  it("of a refused input", () => {
    const { error } = refused(state("getApiKey"), { field: "id", reason: "must be a string" })
    expect(error.message).toBe("getApiKey: id must be a string")
  })

  it.each([
    ["", "its body should be an object and is null"],
    ["api_keys[3].id", "api_keys[3].id in its body should be an object and is null"],
  ])("of a mistake at the path %j", (path, message) => {
    expect(describeMismatch({ path, expected: "an object", actual: "null" })).toBe(message)
  })
})

describe("a failure has", () => {
  it("what is known about the call", () => {
    for (
      const { error } of [
        failed("getApiKey", 404),
        lost(state("getApiKey"), "Connection", ""),
        mismatched(state("getApiKey"), 200, ""),
        refused(state("getApiKey"), { field: "", reason: "" }),
      ]
    ) {
      expect(error).toMatchObject({ operation: "getApiKey", attempts: 2, mayHaveApplied: false })
    }
  })

  it("no details if they do not come from the API", () => {
    for (
      const { error } of [
        mismatched(state("getApiKey"), 200, ""),
        refused(state("getApiKey"), { field: "", reason: "" }),
        failed("getApiKey", 404, { body: "<html>" }),
      ]
    ) {
      expect(error).toMatchObject({ code: undefined, details: [] })
    }
  })

  it("no wait if no answer asked for one, or a redirect did", () => {
    for (
      const { retryAfter: wait } of [
        lost(state("getApiKey"), "Connection", ""),
        failed("getApiKey", 503),
        failed("getApiKey", 399, { headers: retryAfter }),
      ]
    ) {
      expect(wait).toEqual(Option.none())
    }
  })

  it.each([400, 404, 429, 503])("the wait that a %i asked for", (status) => {
    const attempt = failed("getApiKey", status, { headers: retryAfter })
    expect(attempt.retryAfter).toEqual(Option.some(Duration.seconds(7)))
  })

  // By status: whether the change may have been made.
  it.each([
    [199, true],
    [302, true],
    [399, true],
    [400, false],
    [407, false],
    [408, true],
    [409, false],
    [429, false],
    [498, false],
    [499, true],
    [500, true],
    [599, true],
  ])("mayHaveApplied for a mutation after a %i: %s", (status, open) => {
    for (const operation of operationNames) {
      const { error } = failed(operation, status)
      expect(error.mayHaveApplied).toBe(open && mutations.includes(operation))
    }
  })

  it("mayHaveApplied if an earlier attempt may have made the change", () => {
    const earlier = { ...state("deleteApiKey"), mayHaveApplied: true }
    const answer = { status: 404, headers: {}, body: "" }
    expect(failedStatus(earlier, answer, ["token"], 0).error.mayHaveApplied).toBe(true)
    expect(
      mismatched({ ...earlier, operation: operations.getApiKey }, 200, "").error.mayHaveApplied,
    )
      .toBe(true)
  })
})
