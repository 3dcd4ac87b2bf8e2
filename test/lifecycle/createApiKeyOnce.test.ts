import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import {
  createApiKeyOnce,
  Credentials,
  getApiKey,
  RetryPolicy,
  withRetryPolicy,
} from "../../src/mod.ts"
import type * as Emulator from "../../src/emulator/mod.ts"
import { parseMarked } from "../../src/lifecycle/mark.ts"
import { makeOrganization } from "./organization.ts"
import { inVirtualTime, type VirtualTime } from "./virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const lost: ReadonlyArray<readonly [string, Emulator.Fault]> = [
  ["is lost", { _tag: "DropAfter" }],
  ["is lost before the server acts", { _tag: "DropBefore" }],
  ["is a 500 after the server acted", { _tag: "Respond", status: 500, acted: true }],
  ["is a 503", { _tag: "Respond", status: 503 }],
  ["is a 504 after the server acted", { _tag: "Respond", status: 504, acted: true }],
  ["is cut off", { _tag: "TruncateBody" }],
  ["is broken JSON", { _tag: "MalformedJson" }],
]

const scenario = (
  faults: Emulator.FaultPlan,
  policy = RetryPolicy.make(),
) =>
  Effect.gen(function* () {
    const organization = yield* makeOrganization()
    const { emulator } = organization
    const serviceAccountId = emulator.withoutRole.serviceAccountId
    yield* emulator.setFaults(faults)
    const result = yield* createApiKeyOnce({ name: "reports", serviceAccountId }).pipe(
      withRetryPolicy(policy),
      Effect.provide(organization.access()),
      Effect.exit,
    )
    const keys = (yield* organization.keys).filter(({ id }) => id !== organization.old.id)
    return { emulator, keys, result, serviceAccountId }
  })

describe("createApiKeyOnce", () => {
  test("makes a key of the wanted name with two requests", () =>
    Effect.gen(function* () {
      const { emulator, keys, result } = yield* scenario([])
      expect((yield* result).apiKey).toEqual(keys[0])
      expect(keys.map(({ name }) => name)).toEqual(["reports"])
      expect((yield* emulator.requests).map(({ method }) => method)).toEqual(["POST", "PATCH"])
    }))

  for (const [what, fault] of lost) {
    test(`leaves one key, whose secret works, if the answer to its create ${what}`, () =>
      Effect.gen(function* () {
        const { emulator, keys, result, serviceAccountId } = yield* scenario([
          { operation: "createApiKey", calls: [1, 2], fault },
        ])
        const { apiKey, secret } = yield* result
        expect(keys).toEqual([apiKey])
        expect(apiKey.name).toBe("reports")
        const caller = yield* emulator.identityOf(serviceAccountId)
        expect(Redacted.value(secret).startsWith(apiKey.id)).toBe(true)
        expect(caller.serviceAccountId).toBe(serviceAccountId)
        const marks = (yield* emulator.requests)
          .filter(({ method }) => method === "POST").map(({ body }) => body)
        expect(new Set(marks).size).toBe(3)
      }))
  }

  for (const [what, fault] of lost) {
    test(`leaves no key, and says so, if every answer ${what}`, () =>
      Effect.gen(function* () {
        const { keys, result } = yield* scenario([{ operation: "createApiKey", fault }])
        expect(keys).toEqual([])
        const error = yield* Effect.flip(result)
        expect(error._tag).toBe("ApiKeyNotCreated")
        // A key that no list has shown may still appear. One that a list has shown is deleted.
        const isUnseen = fault._tag === "DropBefore" ||
          fault._tag === "Respond" && fault.acted !== true
        expect(error.leftBehind.length).toBe(isUnseen ? 5 : 0)
        expect(
          error.leftBehind.every(({ id, name }) =>
            Option.isNone(id) && Option.isSome(parseMarked(name).mark)
          ),
        ).toBe(true)
      }))
  }

  test("names the lost key if it cannot be found", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* scenario([
        { operation: "createApiKey", fault: { _tag: "DropAfter" } },
        { operation: "listApiKeys", fault: { _tag: "Respond", status: 503 } },
      ])
      const error = yield* Effect.flip(result)
      expect(error.leftBehind).toEqual([{ id: Option.none(), name: keys[0]?.name }])
      expect(error.message).toContain(keys[0]?.name ?? "?")
    }))

  test("gives the id of a lost key that cannot be deleted", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* scenario([
        { operation: "createApiKey", fault: { _tag: "DropAfter" } },
        { operation: "deleteApiKey", fault: { _tag: "Respond", status: 503 } },
      ])
      const error = yield* Effect.flip(result)
      expect(error.leftBehind).toEqual([
        { id: Option.fromNullable(keys[0]?.id), name: keys[0]?.name },
      ])
      expect(error.message).toContain(keys[0]?.id ?? "?")
    }))

  test("looks for a lost key among its service account's keys, the newest first", () =>
    Effect.gen(function* () {
      const { emulator, serviceAccountId } = yield* scenario([
        { operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } },
      ])
      const [search] = (yield* emulator.requests).filter(({ method }) => method === "GET")
      expect(search?.query).toMatchObject({
        "service_account_id": serviceAccountId,
        "pagination.sort_order": "DESC",
      })
    }))

  test("looks for a lost key only up to the page that shows it", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ defaultPageSize: 1 })
      const { emulator, old } = organization
      yield* emulator.setFaults([
        { operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } },
      ])
      const { serviceAccountId } = old
      yield* createApiKeyOnce({ name: "reports", serviceAccountId }).pipe(
        Effect.provide(organization.access()),
      )
      expect((yield* emulator.requests).map(({ method }) => method)).toEqual([
        "POST",
        "GET",
        "DELETE",
        "POST",
        "PATCH",
      ])
    }))

  const lostTwice = [
    { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
    { operation: "createApiKey", calls: 2, fault: { _tag: "DropAfter" } },
  ] as const
  const forbidden = { _tag: "Respond", status: 403 } as const

  /** The names in its creates, in order. */
  const askedFor = ({ requests }: Emulator.EmulatorService) =>
    Effect.map(requests, (requests) =>
      requests.filter(({ method }) => method === "POST")
        .map(({ body }) => String(JSON.parse(body).name)))

  test("gives the id of the lost key that it has found, and no id for the other", () =>
    Effect.gen(function* () {
      const { emulator, keys, result } = yield* scenario([
        ...lostTwice,
        { operation: "deleteApiKey", fault: forbidden },
      ])
      const { leftBehind } = yield* Effect.flip(result)
      const [first, second] = yield* askedFor(emulator)
      expect(leftBehind).toEqual([
        { id: Option.none(), name: first },
        { id: Option.fromNullable(keys[0]?.id), name: second },
      ])
    }))

  for (const [what, faults] of [["", []], [", or tells it", [forbidden]]] as const) {
    test(`deletes its key if it can no longer look for earlier ones${what}`, () =>
      Effect.gen(function* () {
        const { emulator, keys, result } = yield* scenario([
          { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
          { operation: "listApiKeys", calls: 2, fault: forbidden },
          ...faults.map((fault) => ({ operation: "deleteApiKey", fault } as const)),
        ])
        const { cause, leftBehind } = yield* Effect.flip(result)
        expect(cause).toMatchObject({ _tag: "Forbidden", operation: "listApiKeys" })
        const [first] = yield* askedFor(emulator)
        expect(keys.length).toBe(faults.length)
        expect(leftBehind).toEqual([
          { id: Option.none(), name: first },
          ...keys.map(({ id, name }) => ({ id: Option.some(id), name })),
        ])
      }))
  }

  test("names its key if it can neither rename nor delete it", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* scenario([
        { operation: "updateApiKey", fault: forbidden },
        { operation: "deleteApiKey", fault: forbidden },
      ])
      const { cause, leftBehind } = yield* Effect.flip(result)
      expect(cause.operation).toBe("updateApiKey")
      expect(keys.length).toBe(1)
      expect(leftBehind).toEqual(keys.map(({ id, name }) => ({ id: Option.some(id), name })))
    }))

  test("deletes its key if it cannot rename it", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* scenario([
        { operation: "updateApiKey", fault: { _tag: "Respond", status: 503 } },
      ])
      const error = yield* Effect.flip(result)
      expect(error.cause._tag).toBe("ServerError")
      expect(error.leftBehind).toEqual([])
      expect(keys).toEqual([])
    }))

  const renamedAfter = (delay: Emulator.Delay) =>
    scenario(
      [{ operation: "updateApiKey", calls: 1, delay }],
      RetryPolicy.make({ attemptTimeout: "20 minutes" }),
    )

  test("hands out a key that is renamed within five minutes", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* renamedAfter("299 seconds")
      expect(keys).toEqual([(yield* result).apiKey])
    }))

  test("deletes a key that is not renamed within five minutes", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* renamedAfter("5 minutes")
      expect((yield* Effect.flip(result)).cause).toMatchObject({
        reason: "Timeout",
        attempts: 1,
        mayHaveApplied: false,
        message: "createApiKey: not renamed within 5 minutes. Check the network and the base URL",
      })
      expect(keys).toEqual([])
    }))

  test("sends a refused create once, and passes the refusal on", () =>
    Effect.gen(function* () {
      const { emulator, result } = yield* scenario([
        { operation: "createApiKey", fault: { _tag: "Respond", status: 403 } },
      ])
      expect((yield* Effect.flip(result)).cause._tag).toBe("Forbidden")
      expect((yield* emulator.requests).length).toBe(1)
    }))

  test("tries once if the policy says so, and leaves nothing", () =>
    Effect.gen(function* () {
      const { emulator, keys, result } = yield* scenario([
        { operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } },
      ], RetryPolicy.none)
      expect((yield* Effect.flip(result)).leftBehind).toEqual([])
      expect(keys).toEqual([])
      expect((yield* emulator.requests).map(({ method }) => method)).toEqual([
        "POST",
        "GET",
        "DELETE",
      ])
    }))

  test("makes one key although the policy accepts duplicates", () =>
    Effect.gen(function* () {
      const { keys, result } = yield* scenario(
        [{ operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } }],
        RetryPolicy.make({ repeatCreateAcceptingDuplicates: true }),
      )
      expect(keys).toEqual([(yield* result).apiKey])
    }))

  test("deletes a key that appears after a search has missed it", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator } = organization
      const { serviceAccountId } = emulator.withoutRole
      yield* emulator.setFaults([
        { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
      ])
      let late = ""
      const { apiKey } = yield* createApiKeyOnce({ name: "reports", serviceAccountId }).pipe(
        Effect.provide(
          organization.access((what, effect) =>
            Effect.tap(effect, () =>
              Effect.gen(function* () {
                if (what !== "GET" || late !== "") return
                const body = (yield* emulator.requests)[0]?.body ?? ""
                late = String(JSON.parse(body).name)
                yield* emulator.addApiKey({ name: late })
              }))
          ),
        ),
      )
      expect(late).toContain("[once ")
      expect(yield* organization.keys).toEqual([organization.old, apiKey])
    }))

  for (const method of ["POST", "PATCH"]) {
    for (const when of ["before", "after"] as const) {
      test(`leaves no key if it is interrupted ${when} its ${method}`, () =>
        Effect.gen(function* () {
          const organization = yield* makeOrganization()
          const { serviceAccountId } = organization.emulator.withoutRole
          const fiber = yield* createApiKeyOnce({ name: "reports", serviceAccountId }).pipe(
            Effect.provide(
              organization.access((what, effect) =>
                what !== method
                  ? effect
                  : when === "before"
                  ? Effect.never
                  : Effect.zipRight(effect, Effect.never)
              ),
            ),
            Effect.fork,
          )
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
          expect(yield* organization.keys).toEqual([organization.old])
        }))
    }
  }

  for (const [name, field] of [["", "name"], ["x [once 1a2b3c4d]", "name"]] as const) {
    test(`refuses the name ${JSON.stringify(name)} before anything is sent`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { cause, leftBehind } = yield* createApiKeyOnce({ name, serviceAccountId: "x" }).pipe(
          Effect.provide(organization.access()),
          Effect.flip,
        )
        expect(cause._tag === "InvalidRequest" && cause.field).toBe(field)
        expect(leftBehind).toEqual([])
        expect(yield* organization.emulator.requests).toEqual([])
      }))
  }

  test("deletes a key whose name the API has changed, since that removes the mark", () =>
    Effect.gen(function* () {
      const { emulator, keys, result } = yield* scenario([{
        operation: "createApiKey",
        fault: {
          _tag: "Respond",
          status: 200,
          body: JSON.stringify({
            api_key: {
              id: "CCDB1_12345abcdefGHIJKLMnopq",
              name: "reports [once 1a2b",
              service_account_id: "1234abcd-1234-1234-abcd-12345678abcd",
              created_at: "2026-01-01T00:00:00Z",
            },
            secret: "CCDB1_12345abcdefGHIJKLMnopq_x",
          }),
        },
      }])
      const { cause, leftBehind } = yield* Effect.flip(result)
      expect(cause).toMatchObject({
        _tag: "UnexpectedResponse",
        operation: "createApiKey",
        mayHaveApplied: true,
        message: expect.stringContaining("is not the one asked for: with its mark, that may be"),
      })
      expect(leftBehind).toEqual([])
      expect(keys).toEqual([])
      expect((yield* emulator.requests).map(({ method }) => method)).toEqual(["POST", "DELETE"])
    }))

  test("hands out a secret that works", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { serviceAccountId } = organization.emulator.admin
      const { apiKey, secret } = yield* createApiKeyOnce({ name: "reports", serviceAccountId })
        .pipe(
          Effect.provide(organization.access()),
        )
      const got = yield* getApiKey(apiKey.id).pipe(
        Effect.provideService(Credentials, {
          ...organization.emulator.admin.credentials,
          token: secret,
        }),
        Effect.provide(organization.access()),
      )
      expect(got).toEqual(apiKey)
    }))
})
