import { describe, expect, it } from "@effect/vitest"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import {
  createApiKeyOnce,
  Credentials,
  credentialsFromStore,
  getApiKey,
  rotateApiKey,
  temporaryApiKey,
} from "../../src/mod.ts"
import type * as Emulator from "../../src/emulator/mod.ts"
import { makeOrganization, type Organization } from "./organization.ts"
import { inVirtualTime, type VirtualTime } from "./virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

type Entry = readonly [level: string, message: string, annotations: object]

/** The logs of a program that is interrupted after ten seconds, unless it ends before. */
const logsOf = <A, E, R>(program: Effect.Effect<A, E, R>, level = LogLevel.Warning) =>
  Effect.gen(function* () {
    const logs: Array<Entry> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      logs.push([
        logLevel.label,
        String(message),
        Object.fromEntries(HashMap.toEntries(annotations)),
      ])
    })
    const fiber = yield* program.pipe(
      Effect.provide(Layer.merge(
        Logger.replace(Logger.defaultLogger, logger),
        Logger.minimumLogLevel(level),
      )),
      Effect.fork,
    )
    yield* Effect.sleep("10 seconds")
    yield* Fiber.interrupt(fiber)
    return logs
  })

const unavailable: Emulator.Fault = { _tag: "Respond", status: 503 }
const undeletable = { operation: "deleteApiKey", fault: unavailable } as const

const stuckAfter = (organization: Organization, method: string) =>
  organization.access((what, effect) =>
    what === method ? Effect.zipRight(effect, Effect.never) : effect
  )

const made = ({ keys, old }: Organization) =>
  Effect.map(keys, (keys) => keys.filter(({ id }) => id !== old.id))

const once = ({ emulator }: Organization) =>
  createApiKeyOnce({ name: "reports", serviceAccountId: emulator.withoutRole.serviceAccountId })

/** The names in its creates, in order. */
const namesAskedFor = ({ emulator }: Organization) =>
  Effect.map(emulator.requests, (requests) =>
    requests.filter(({ method }) => method === "POST")
      .map(({ body }) => String(JSON.parse(body).name)))

describe("the log", () => {
  test("of a create that is interrupted names the key that it cannot delete", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ faults: [undeletable] })
      const logs = yield* logsOf(
        Effect.provide(once(organization), stuckAfter(organization, "PATCH")),
      )
      const [key] = yield* made(organization)
      expect(logs).toEqual([[
        "WARN",
        "an interrupted create may have left a key behind",
        { id: key?.id, name: expect.stringMatching(/^reports \[once \w{8}\]$/) },
      ]])
    }))

  const doubt = "a create whose outcome is unknown may have left a key behind, or still make one"

  test("of a create that is interrupted before its answer names the key that it finds", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ faults: [undeletable] })
      const logs = yield* logsOf(
        Effect.provide(once(organization), stuckAfter(organization, "POST")),
      )
      const [key] = yield* made(organization)
      expect(logs).toEqual([["WARN", doubt, { id: key?.id, name: key?.name }]])
    }))

  test("of a create names the keys of earlier attempts that have not appeared", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "createApiKey", calls: [1, 2], fault: { _tag: "DropBefore" } }],
      })
      const logs = yield* logsOf(Effect.provide(once(organization), organization.access()))
      const names = yield* namesAskedFor(organization)
      expect(names.length).toBe(3)
      expect(logs).toEqual(
        names.slice(0, 2).map((name) => ["WARN", doubt, { id: "unknown", name }]),
      )
    }))

  test("of a create names no key that it has found and deleted", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [
          { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
          { operation: "createApiKey", calls: 2, fault: { _tag: "DropAfter" } },
        ],
      })
      const logs = yield* logsOf(Effect.provide(once(organization), organization.access()))
      const [first] = yield* namesAskedFor(organization)
      expect(logs).toEqual([["WARN", doubt, { id: "unknown", name: first }]])
    }))

  test("of a create whose key arrives at once is empty", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const logs = yield* logsOf(Effect.provide(once(organization), organization.access()))
      expect(logs).toEqual([])
    }))

  test("of a temporary key says that it is left for the sweep, and why", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "deleteApiKey", fault: { _tag: "Respond", status: 403 } }],
      })
      const { serviceAccountId } = organization.emulator.withoutRole
      const logs = yield* logsOf(
        temporaryApiKey({ name: "audit", serviceAccountId, expiresIn: "1 hour" }).pipe(
          Effect.scoped,
          Effect.provide(organization.access()),
        ),
      )
      const [key] = yield* made(organization)
      expect(logs).toEqual([[
        "WARN",
        expect.stringMatching(/^a temporary key is left for the sweep: deleteApiKey: .*ORG_ADMIN/),
        { id: key?.id, name: key?.name },
      ]])
    }))

  test("of a rotation that is broken off names the key that it has not written", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ faults: [undeletable] })
      const { read, write } = organization.store()
      let reads = 0
      const stuck = { read: Effect.suspend(() => ++reads > 2 ? Effect.never : read), write }
      const logs = yield* logsOf(
        Effect.provide(rotateApiKey({ store: stuck, grace: 0 }), organization.access()),
      )
      const [key] = yield* made(organization)
      expect(logs).toEqual([[
        "WARN",
        "a rotation that was broken off may have left a key behind",
        { id: key?.id, name: key?.name },
      ]])
    }))

  for (
    const [how, write] of [
      ["dies", Effect.die("broken")],
      ["is interrupted", Effect.never],
    ] as const
  ) {
    test(`of a rotation whose write ${how} names the key that the store may hold`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { read } = organization.store()
        const logs = yield* logsOf(
          Effect.provide(
            rotateApiKey({ store: { read, write: () => write }, grace: 0 }),
            organization.access(),
          ),
        )
        const [key] = yield* made(organization)
        expect(key).toBeDefined()
        expect(logs).toEqual([[
          "WARN",
          "a rotation that was broken off may have left a key behind",
          { id: key?.id, name: key?.name },
        ]])
      }))
  }

  test("of a rotation that is interrupted while it fails names the create in doubt", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [
          { operation: "createApiKey", fault: { _tag: "DropAfter" } },
          { operation: "listApiKeys", fault: { _tag: "Respond", status: 403 } },
        ],
      })
      const { admin } = organization.emulator
      // To redact it, the log asks for the token again, which comes too late.
      let asked = 0
      const token = Effect.suspend(() =>
        Effect.delay(Effect.succeed(admin.secret), ++asked > 4 ? "1 minute" : 0)
      )
      const logs = yield* logsOf(
        rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
          Effect.provide(Credentials.layerApiKey(token)),
          Effect.provide(organization.access()),
        ),
      )
      const [key] = yield* made(organization)
      expect(logs).toContainEqual([
        "WARN",
        "a rotation that was broken off may have left a key behind",
        { id: "unknown", name: key?.name },
      ])
    }))

  test("of a rotation has each step and its key, at level Debug", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const logs = yield* logsOf(
        Effect.provide(
          rotateApiKey({ store: organization.store(), grace: 0 }),
          organization.access(),
        ),
        LogLevel.Debug,
      )
      const [key] = yield* organization.keys
      expect(logs).toEqual([
        ["DEBUG", "rotation: Look", {}],
        ["DEBUG", "rotation: Make", {}],
        ["DEBUG", "rotation: Prove", { id: key?.id }],
        ["DEBUG", "rotation: Write", {}],
        ["DEBUG", "rotation: Wait", {}],
        ["DEBUG", "rotation: Look", {}],
        ["DEBUG", "rotation: Delete", { id: organization.old.id }],
        ["DEBUG", "rotation: Unmark", { id: key?.id }],
        ["DEBUG", "rotation: Done", {}],
      ])
    }))

  test("of credentials from a store says that it cannot be read, without the error", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { admin } = organization.emulator
      let reads = 0
      const read = Effect.suspend(() =>
        reads++ === 0 ? Effect.succeedSome(admin.secret) : Effect.fail("hunter2")
      )
      const logs = yield* logsOf(
        getApiKey(admin.apiKeyId).pipe(
          Effect.provide(credentialsFromStore({ read })),
          Effect.provide(organization.access()),
        ),
      )
      expect(logs).toEqual([
        ["WARN", "the secret store cannot be read: using what it held before", {}],
      ])
    }))
})

describe("a span", () => {
  type Program = (
    organization: Organization,
  ) => Effect.Effect<unknown, unknown, HttpClient.HttpClient | Credentials>
  const programs: Readonly<Record<string, Program>> = {
    createApiKeyOnce: once,
    temporaryApiKey: ({ emulator }: Organization) =>
      Effect.scoped(temporaryApiKey({
        name: "audit",
        serviceAccountId: emulator.withoutRole.serviceAccountId,
        expiresIn: "1 hour",
      })),
    rotateApiKey: (organization: Organization) =>
      rotateApiKey({ store: organization.store(), grace: 0 }),
  }
  for (const [name, program] of Object.entries(programs)) {
    test(`of ${name} holds the spans of its calls`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const roots: Array<string> = []
        const ignore = () => {}
        const tracer = Tracer.make({
          context: (run) => run(),
          span: (name, parent, context, links, startTime, kind) => {
            if (Option.isNone(parent)) roots.push(name)
            return {
              ...{ _tag: "Span", name, spanId: name, traceId: "trace", parent, context, links },
              ...{ status: { _tag: "Started", startTime }, attributes: new Map(), kind },
              ...{ sampled: true, end: ignore, attribute: ignore, event: ignore, addLinks: ignore },
            }
          },
        })
        yield* Effect.provide(program(organization), organization.access()).pipe(
          Effect.withTracer(tracer),
        )
        expect(roots).toEqual([`ApiKeys.${name}`])
      }))
  }
})
