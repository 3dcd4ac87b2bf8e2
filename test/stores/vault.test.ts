import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import { vaultSecretStore } from "../../examples/stores/vault.ts"
import { makeVault, secretOf, type Vault } from "./vault.ts"

let vault: Vault
beforeEach(async () => {
  vault = await makeVault()
})
afterEach(() => vault.close())

const makeStore = (options: { readonly url?: string; readonly token?: string } = {}) => {
  const { token = vault.token, url = vault.url } = options
  return Effect.provide(
    vaultSecretStore({ url, token: Redacted.make(token) }),
    FetchHttpClient.layer,
  )
}
const secret = (letter: string) => Redacted.make(`CCDB1_${letter.repeat(22)}_${letter.repeat(40)}`)

/** The message with which a read of the store fails. */
const messageOfRead = (...options: Parameters<typeof makeStore>) =>
  Effect.gen(function* () {
    const { read } = yield* makeStore(...options)
    const { message } = yield* Effect.flip(read)
    return message.replace(vault.url, "billing")
  })

describe("the store in Vault", () => {
  it.live("is empty if the entry was never written", () =>
    Effect.gen(function* () {
      const { read } = yield* makeStore()
      expect(yield* read).toEqual(Option.none())
    }))

  it.live("reads what was written, and makes a version with each write", () =>
    Effect.gen(function* () {
      const { read, write } = yield* makeStore()
      for (const letter of ["a", "b"]) {
        yield* write(secret(letter))
        expect(yield* read).toEqual(Option.some(secret(letter)))
      }
      expect(vault.versions).toHaveLength(2)
    }))

  it.live("does not overwrite what another process wrote since the last read", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* makeStore(), yield* makeStore()]
      for (const held of ["a", "b"]) {
        yield* one.read
        yield* other.read
        yield* other.write(secret(held))
        yield* one.write(secret("c"))
        expect(yield* one.read).toEqual(Option.some(secret(held)))
      }
      expect(vault.versions).toHaveLength(2)
    }))

  it.live("writes only after a read if Vault demands check-and-set", () =>
    Effect.gen(function* () {
      vault.casRequired = true
      const { read, write } = yield* makeStore()
      expect((yield* Effect.flip(write(secret("a")))).message).toContain("status 400")
      yield* read
      yield* write(secret("a"))
      expect(secretOf(vault)).toBe(Redacted.value(secret("a")))
    }))

  for (const state of ["deleted", "destroyed"] as const) {
    it.live(`fails if the current version is ${state}, since the store is not empty`, () =>
      Effect.gen(function* () {
        vault.versions.push({ data: { secret: "a" }, state })
        expect(yield* messageOfRead()).toBe("Vault, billing: status 404")
      }))
  }

  it.live("fails if the path leads to no engine, since that is no empty store", () =>
    Effect.gen(function* () {
      const url = vault.url.replace("/secret/", "/secrets/")
      expect(yield* messageOfRead({ url })).toContain("status 404")
    }))

  it.live("fails if the token may not read", () =>
    Effect.gen(function* () {
      expect(yield* messageOfRead({ token: "hvs.another" })).toBe("Vault, billing: status 403")
    }))

  it.live("reads again if Vault is sealed, and fails if it stays sealed", () =>
    Effect.gen(function* () {
      vault.versions.push({ data: { secret: "a" }, state: "live" })
      const sealed = { status: 503, body: { errors: ["Vault is sealed"] } }
      let requests = 0
      vault.disturb = (_, obey) => ++requests < 3 ? sealed : obey()
      const { read } = yield* makeStore()
      expect(yield* read).toEqual(Option.some(Redacted.make("a")))
      vault.disturb = () => sealed
      expect(yield* messageOfRead()).toBe("Vault, billing: status 503")
    }))

  it.live.each<[string, string | object]>([
    ["is cut off", `{"data":{"data":{"secret":"CCDB1_x_1234567890`],
    ["has another field", {
      data: { data: { key: "CCDB1_x_1234567890" }, metadata: { version: 1 } },
    }],
  ])("shows no secret if an answer %s", ([, body]) =>
    Effect.gen(function* () {
      vault.disturb = () => ({ status: 200, body })
      const { read } = yield* makeStore()
      const error = yield* Effect.flip(read)
      expect(error.message).toMatch(/: (?:ResponseError|ParseError)$/)
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain("1234567890")
    }))

  it.live("shows its token in no span", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const { read } = yield* makeStore()
      const tracer = yield* Effect.tracer
      const noting = Tracer.make({
        span: (...args) => {
          const span = tracer.span(...args)
          spans.push(span)
          return span
        },
        context: (...args) => tracer.context(...args),
      })
      yield* Effect.withTracer(read, noting)
      expect(spans).toHaveLength(1)
      // An exporter sends the attributes.
      const shown = inspect(spans.map(({ attributes }) => attributes))
      expect(shown).toContain("header.authorization")
      expect(shown).not.toContain(vault.token)
    }))

  it.effect("aborts a request after 30 seconds", () =>
    Effect.gen(function* () {
      const arrived = new Promise<void>((resolve) => {
        vault.disturb = () => {
          resolve()
          return "held"
        }
      })
      const reading = yield* Effect.fork(messageOfRead())
      yield* Effect.promise(() => arrived)
      yield* TestClock.adjust("30 seconds")
      expect(yield* Fiber.join(reading)).toBe("Vault, billing: no answer in 30 s")
      yield* Effect.promise(() => vault.left)
    }))
})
