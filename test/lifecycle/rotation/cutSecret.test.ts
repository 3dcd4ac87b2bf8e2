import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { updateApiKey } from "../../../src/endpoints/updateApiKey.ts"
import { rotateApiKey } from "../../../src/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime } from "../virtualTime.ts"

/** Rotates a key whose stored secret has lost its last characters. */
const rotate = ({ access, secret, store }: Organization, lost: number) =>
  Ref.update(
    secret,
    Option.map((secret) => Redacted.make(Redacted.value(secret).slice(0, -lost))),
  ).pipe(
    Effect.zipRight(rotateApiKey({ store: store(), grace: 0 })),
    Effect.provide(access()),
  )

describe("a stored secret that has lost its end", () => {
  it.live("is replaced by a whole one, since only its id is used", () =>
    inVirtualTime(Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { apiKey, deleted } = yield* rotate(organization, 7)
      expect(deleted).toEqual([organization.old.id])
      expect(yield* organization.keys).toEqual([apiKey])
      expect(yield* organization.heldId).toEqual(Option.some(apiKey.id))
    })))

  it.live("is refused if its key's rotation is not finished", () =>
    inVirtualTime(Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const name = "billing [rotates CCDB1_0000000000000000000000 1a2b3c4d]"
      yield* Effect.provide(updateApiKey(organization.old.id, { name }), organization.access())
      const error = yield* Effect.flip(rotate(organization, 7))
      expect(error.reason).toBe("SecretRefused")
    })))

  it.live("is unreadable if nothing follows the id", () =>
    inVirtualTime(Effect.gen(function* () {
      const error = yield* Effect.flip(rotate(yield* makeOrganization(), 41))
      expect(error.reason).toBe("UnreadableSecret")
    })))
})
