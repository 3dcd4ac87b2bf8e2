import { describe, expect, it } from "@effect/vitest"
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import type * as Scope from "effect/Scope"
import {
  createApiKeyOnce,
  type Credentials,
  RetryPolicy,
  rotateApiKey,
  temporaryApiKey,
  withRetryPolicy,
} from "../../src/mod.ts"
import { makeOrganization, type Organization } from "./organization.ts"

type Program = (
  organization: Organization,
) => Effect.Effect<unknown, unknown, HttpClient | Credentials | Scope.Scope>

const input = ({ emulator }: Organization) => ({
  name: "reports",
  serviceAccountId: emulator.withoutRole.serviceAccountId,
})

const programs: Readonly<Record<string, Program>> = {
  createApiKeyOnce: (organization) => createApiKeyOnce(input(organization)),
  temporaryApiKey: (organization) => temporaryApiKey({ ...input(organization), expiresIn: 3.6e6 }),
  rotateApiKey: (organization) => rotateApiKey({ store: organization.store(), grace: 0 }),
}

const fractional = Schedule.exponential("0.3 millis").pipe(
  Schedule.jittered,
  Schedule.intersect(Schedule.recurs(4)),
)

const policies = {
  "the default policy": RetryPolicy.make(),
  "a schedule of fractions of a millisecond": RetryPolicy.make({ schedule: fractional }),
}

/** Loses three creates under TestClock, which fails at fractions of a millisecond. */
const play = (program: Program, policy: typeof policies["the default policy"], seed: number) =>
  Effect.gen(function* () {
    const organization = yield* makeOrganization({
      faults: [{ operation: "createApiKey", calls: [1, 2, 3], fault: { _tag: "DropAfter" } }],
    })
    const fiber = yield* program(organization).pipe(
      withRetryPolicy(policy),
      Effect.scoped,
      Effect.provide(organization.access()),
      Effect.fork,
    )
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(fiber)
  }).pipe(Effect.withRandom(Random.make(seed)), Effect.provide(TestContext.TestContext))

describe("a create that is lost three times", () => {
  for (const [name, program] of Object.entries(programs)) {
    for (const [what, policy] of Object.entries(policies)) {
      it(`succeeds under TestClock in ${name} with ${what}, whatever the jitter`, async () => {
        const seeds = Array.from({ length: 30 }, (_, seed) => seed)
        const failed = await Effect.runPromise(
          Effect.filter(
            seeds,
            (seed) =>
              Effect.map(
                Effect.exit(play(program, policy, seed)),
                ({ _tag }) => _tag === "Failure",
              ),
            {
              concurrency: 8,
            },
          ),
        )
        expect(failed).toEqual([])
      })
    }
  }
})
