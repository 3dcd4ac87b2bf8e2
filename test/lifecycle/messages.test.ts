import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../../src/ApiKey.ts"
import {
  createApiKeyOnce,
  Credentials,
  InvalidRequest,
  type RotationFailedReason,
  temporaryApiKey,
  type TemporaryApiKeyInput,
} from "../../src/mod.ts"
import { redactor } from "../../src/transport/redact.ts"
import { notCreated } from "../../src/lifecycle/LeftBehind.ts"
import { rotationFailed } from "../../src/lifecycle/rotation/RotationFailed.ts"
import { scripted } from "../transport/scripted.ts"

const cause = new InvalidRequest({
  operation: "createApiKey",
  message: "createApiKey: name is taken",
  attempts: 1,
  mayHaveApplied: false,
  field: "name",
  status: 400,
  code: undefined,
  details: [],
})

const found = { id: Option.some(ApiKeyId("CCDB1_a")), name: "billing [once 1a2b3c4d]" }
const unseen = { id: Option.none(), name: "billing [once 2a2b3c4d]" }

const redact = redactor(["the-token-in-use"])

describe("an error names what may be left behind", () => {
  it("without a server's secret, and with the end of a long name", () => {
    const name = `${"x ".repeat(100)} the-token-in-use [once 1a2b3c4d]`
    const id = Option.some(ApiKeyId("CCDB1_a_bCCDB1_c_d"))
    const error = notCreated(cause, [{ id: Option.none(), name }, { id, name: "n" }], redact)
    expect(error.leftBehind).toEqual([
      { id: Option.none(), name: `${"x ".repeat(100)} <redacted> [once 1a2b3c4d]` },
      { id: Option.some("<redacted>"), name: "n" },
    ])
    expect(error.message).toContain(
      `for you to delete: "…${" x".repeat(36)}  <redacted> [once 1a2b3c4d]", <redacted>`,
    )
  })

  it("if no key is handed out", () => {
    expect(notCreated(cause, [], redact)).toMatchObject({
      _tag: "ApiKeyNotCreated",
      message: "no key was handed out: createApiKey: name is taken. Nothing is left behind",
    })
    expect(notCreated(cause, [found, unseen], redact).message).toBe(
      "no key was handed out: createApiKey: name is taken. " +
        'Keys that may be left behind, for you to delete: CCDB1_a, "billing [once 2a2b3c4d]"',
    )
  })

  it.each<readonly [RotationFailedReason, string]>([
    ["Api", "a call failed. Run it again to go on"],
    ["Store", "the secret store failed. Run it again to go on"],
    ["UnreadableSecret", "the secret store holds something that is not the secret of an API key"],
    [
      "NothingHeld",
      "the secret store is empty: say with apiKey which key to replace, or with first what to make",
    ],
    [
      "HeldKeyGone",
      "the key in the secret store is deleted, and you name no key that can be replaced: say with apiKey or first what to make in its place",
    ],
    [
      "StoreHoldsAnother",
      "the secret store holds neither the key to replace nor its successor: check which key it holds",
    ],
    ["SecretRefused", "the API refuses the secret although its key exists"],
    [
      "NotStored",
      "the secret store does not show what was written. Check it before running this again",
    ],
    ["LeaseOver", "the run was held up for half the lease, so it may not write any more"],
  ])("if a rotation fails with %s", (reason, what) => {
    const fields = { reason, cause: undefined, held: Option.none() }
    expect(rotationFailed({ ...fields, leftBehind: [found] }, redact)).toMatchObject({
      _tag: "RotationFailed",
      message: `rotation: ${what}. Keys that may be left behind, for you to delete: CCDB1_a`,
    })
    expect(rotationFailed({ ...fields, leftBehind: [] }, redact, "no such luck").message)
      .toBe("rotation: no such luck. Nothing is left behind")
  })
})

describe("an input that is refused before anything is sent says why", () => {
  const { client, sent } = scripted()
  const services = Layer.merge(client, Credentials.layerApiKey(Redacted.make("token")))
  const serviceAccountId = "1234abcd-1234-1234-abcd-12345678abcd"
  // A JavaScript program may pass this as a name.
  const noName = undefined as unknown as string

  it.effect.each<readonly [string, string]>([
    ["", "name must be a string that is not empty"],
    [noName, "name must be a string that is not empty"],
    ["x [once 1a2b3c4d]", "name ends like a mark of this module: choose another end"],
  ])("if the name is %j", ([name, reason]) =>
    Effect.gen(function* () {
      const error = yield* createApiKeyOnce({ name, serviceAccountId }).pipe(
        Effect.provide(services),
        Effect.flip,
      )
      expect(error).toMatchObject({
        message: `no key was handed out: createApiKey: ${reason}. Nothing is left behind`,
        cause: { _tag: "InvalidRequest", field: "name", attempts: 0 },
      })
      expect(sent).toEqual([])
    }))

  const inputs = [
    ...[7, null, {}, []].map((name) => ["name", { name, serviceAccountId }] as const),
    ...["", 7, null, undefined].map((id) =>
      ["serviceAccountId", { name: "audit", serviceAccountId: id }] as const
    ),
  ]
  it.effect.each(inputs)("if the %s is that of %j", ([field, input]) =>
    Effect.gen(function* () {
      // A JavaScript program may pass this.
      const given = { ...input, expiresIn: "1 hour" } as unknown as TemporaryApiKeyInput
      for (const create of [createApiKeyOnce(given), temporaryApiKey(given)]) {
        const error = yield* create.pipe(Effect.scoped, Effect.provide(services), Effect.flip)
        expect(error).toMatchObject({
          _tag: "ApiKeyNotCreated",
          leftBehind: [],
          cause: { _tag: "InvalidRequest", field, attempts: 0 },
        })
      }
      expect(sent).toEqual([])
    }))

  it.effect.each(["0 millis", "365001 days"] as const)(
    "if a key expires in %s",
    (expiresIn) =>
      Effect.gen(function* () {
        const error = yield* temporaryApiKey({ name: "audit", serviceAccountId, expiresIn }).pipe(
          Effect.scoped,
          Effect.provide(services),
          Effect.flip,
        )
        expect(error.cause).toMatchObject({
          field: "expiresIn",
          message: "createApiKey: expiresIn must be positive and at most 1,000 years",
        })
        expect(sent).toEqual([])
      }),
  )
})
