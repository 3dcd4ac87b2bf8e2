import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import { awsSecretStore } from "../../examples/stores/awsSecretsManager.ts"
import { makeSecretsManager, type SecretsManager, valueOf } from "./secretsManager.ts"

let manager: SecretsManager
beforeEach(async () => {
  manager = await makeSecretsManager()
})
afterEach(() => manager.close())

const makeStore = (name = "billing") => awsSecretStore(manager.client, name)
const read = (name?: string) => Effect.flatMap(makeStore(name), ({ read }) => read)
const secret = (letter: string) => `CCDB1_${letter.repeat(22)}_${letter.repeat(40)}`
const write = (letter: string, name?: string) =>
  Effect.flatMap(makeStore(name), ({ write }) => write(Redacted.make(secret(letter))))

/** The reason with which a read of the store fails. */
const reasonOfRead = (name?: string) => Effect.map(Effect.flip(read(name)), ({ reason }) => reason)

describe("the store in AWS Secrets Manager", () => {
  it.live("is empty if the secret has no value yet", () =>
    Effect.gen(function* () {
      expect(yield* read()).toEqual(Option.none())
    }))

  it.live("reads what was written, and keeps the value before as AWSPREVIOUS", () =>
    Effect.gen(function* () {
      yield* write("a")
      yield* write("b")
      expect(yield* read()).toEqual(Option.some(Redacted.make(secret("b"))))
      expect(valueOf(manager, "AWSPREVIOUS")).toBe(secret("a"))
    }))

  it.live("does not overwrite what another process wrote since the last read", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* makeStore(), yield* makeStore()]
      for (const held of ["a", "b"]) {
        yield* one.read
        yield* other.read
        yield* other.write(Redacted.make(secret(held)))
        yield* one.write(Redacted.make(secret("c")))
        expect(valueOf(manager, "AWSCURRENT")).toBe(secret(held))
      }
    }))

  it.live("makes one version if the answer to its write is lost", () =>
    Effect.gen(function* () {
      let puts = 0
      manager.disturb = (operation, obey) => {
        const answer = obey()
        return operation === "PutSecretValue" && ++puts === 1 ? "lost" : answer
      }
      const { read, write } = yield* makeStore()
      yield* read
      yield* write(Redacted.make(secret("a")))
      expect(puts).toBe(2)
      expect(manager.secret.versions.size).toBe(1)
      expect(yield* read).toEqual(Option.some(Redacted.make(secret("a"))))
    }))

  it.live("fails if the secret does not exist, and makes none", () =>
    Effect.gen(function* () {
      expect(yield* reasonOfRead("biling")).toBe("ResourceNotFoundException")
      const { message, reason } = yield* Effect.flip(write("a", "biling"))
      expect(reason).toBe("ResourceNotFoundException")
      expect(message).toBe("AWS secret biling: ResourceNotFoundException")
    }))

  it.live("fails if the secret is marked for deletion", () =>
    Effect.gen(function* () {
      yield* write("a")
      manager.secret.isMarkedForDeletion = true
      expect(yield* reasonOfRead()).toBe("InvalidRequestException")
      const { reason } = yield* Effect.flip(write("b"))
      expect(reason).toBe("InvalidRequestException")
      expect(valueOf(manager, "AWSCURRENT")).toBe(secret("a"))
    }))

  it.live("fails if the secret is not text", () =>
    Effect.gen(function* () {
      manager.secret.versions.set("0", undefined)
      manager.secret.labels.set("AWSCURRENT", "0")
      expect(yield* reasonOfRead()).toBe("it holds bytes, not text")
    }))

  it.live("fails if it may not check that the secret exists", () =>
    Effect.gen(function* () {
      const denied = { status: 400, body: { __type: "AccessDeniedException" } }
      manager.disturb = (operation, obey) => operation === "DescribeSecret" ? denied : obey()
      expect(yield* reasonOfRead()).toBe("AccessDeniedException")
    }))

  it.live("shows no secret if an answer is cut off", () =>
    Effect.gen(function* () {
      manager.disturb = () => ({ status: 200, body: `{"SecretString":"${secret("a")}` })
      const error = yield* Effect.flip(read())
      expect(error.reason).toBe("SyntaxError")
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(secret("a"))
    }))

  it.effect("aborts a request after 30 seconds", () =>
    Effect.gen(function* () {
      const arrived = new Promise<void>((resolve) => {
        manager.disturb = () => {
          resolve()
          return "held"
        }
      })
      const reading = yield* Effect.fork(reasonOfRead())
      yield* Effect.promise(() => arrived)
      yield* TestClock.adjust("30 seconds")
      expect(yield* Fiber.join(reading)).toBe("no answer in 30 s")
      yield* Effect.promise(() => manager.left)
    }))
})
