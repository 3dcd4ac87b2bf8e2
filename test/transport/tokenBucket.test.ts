import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import * as fc from "fast-check"
import { type Admitted, check, make as makeRateLimit } from "../../src/emulator/RateLimit.ts"
import { makeLine } from "../../src/waiting/line.ts"
import { makeMemoryStore } from "../../src/transport/ThrottleStore.ts"
import {
  comesBackAt,
  lagOf,
  nothing,
  type Token,
  withAnswer,
  withRefusal,
} from "../../src/transport/tokenBucket.ts"

/** The milliseconds that a request takes on the way to the server, there, and on the way back. */
type Ways = readonly [there: number, work: number, back: number]

/** Sends `requests` from 50 fibers to a server that admits ten in any second. */
const outcome = (requests: number, waysOf: (index: number) => Effect.Effect<Ways>) =>
  Effect.gen(function* () {
    const rateLimit = makeRateLimit()
    const bucket = { key: "k", limit: 10, window: Duration.seconds(1) }
    const store = makeMemoryStore()
    const line = makeLine()
    const admittedAt: Array<number> = []
    let admitted: Admitted = []
    let sent = 0
    let openAt = 0

    const take: Effect.Effect<(isAnswer: boolean, isRefused: boolean) => Effect.Effect<void>> =
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        if (now < openAt) yield* Effect.sleep(openAt - now)
        const taken = yield* store.take(bucket)
        if (taken._tag === "Taken") return taken.answered
        return yield* Effect.zipRight(Effect.sleep(taken.retryAfter), take)
      })

    const call: Effect.Effect<void> = Effect.gen(function* () {
      const answered = yield* line.turn(take)
      const [there, work, back] = yield* waysOf(sent++)
      yield* Effect.sleep(there)
      const now = yield* Clock.currentTimeMillis
      const verdict = check(rateLimit, admitted, now)
      if (verdict._tag === "Admitted") {
        admitted = verdict.admitted.slice(-10)
        admittedAt.push(now)
        yield* Effect.sleep(work + back)
        return yield* answered(true, false)
      }
      yield* Effect.sleep(back)
      yield* answered(true, true)
      // The answer says `Retry-After: 1`.
      openAt = (yield* Clock.currentTimeMillis) + 1000
      yield* Effect.zipRight(Effect.sleep(1000), call)
    })

    const fiber = yield* Effect.fork(Effect.replicateEffect(call, requests, { concurrency: 50 }))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(fiber)
    // The first request may arrive long before those that are sent with it.
    const seconds = ((admittedAt.at(-1) ?? 0) - (admittedAt[1] ?? 0)) / 1000
    return {
      // The first ten may go out at once.
      rate: (requests - 10) / seconds,
      refused: (sent - requests) / sent,
    }
  }).pipe(Effect.withRandom(Random.make("ways")))

const to = Random.nextIntBetween

const places = { "on the way there": 0, "at the server": 1, "on the way back": 2 } as const

const allAt = (place: 0 | 1 | 2, millis: number): Ways => [
  place === 0 ? millis : 0,
  place === 1 ? millis : 0,
  place === 2 ? millis : 0,
]

describe("a server that admits ten requests in any second gets nine or more, and refuses 1 % at most", () => {
  const tables: ReadonlyArray<readonly [string, (index: number) => Effect.Effect<number>]> = [
    ["0 ms", () => Effect.succeed(0)],
    ["400 ms", () => Effect.succeed(400)],
    ["2 s", () => Effect.succeed(2000)],
    ["5 ms once and then 400 ms", (index) => Effect.succeed(index === 0 ? 5 : 400)],
    ["up to 100 ms", () => to(0, 101)],
  ]
  for (const [place, index] of Object.entries(places)) {
    it.effect.each(tables)(`if %s pass ${place}`, ([, millis]) =>
      Effect.gen(function* () {
        const { rate, refused } = yield* outcome(
          150,
          (request) => Effect.map(millis(request), (millis) => allAt(index, millis)),
        )
        expect(rate).toBeGreaterThanOrEqual(9)
        expect(refused).toBeLessThanOrEqual(0.01)
      }))
  }

  const work = Effect.map(Random.nextBoolean, (isSlow) => isSlow ? 700 : 20)
  it.effect.each<readonly [string, Effect.Effect<Ways>]>([
    ["20 or 700 ms pass at the server", Effect.map(work, (work) => [0, work, 0])],
    ["20 or 700 ms pass on the way back", Effect.map(work, (back) => [0, 0, back])],
    ["2 s pass in all, a third at each place", Effect.succeed([667, 667, 666])],
    [
      "up to 100 ms pass on the way there, and 300 ms at the server",
      Effect.map(to(0, 101), (there) => [there, 300, 0]),
    ],
    [
      "up to 100 ms pass on the way there, and 20 or 700 ms at the server",
      Effect.map(Effect.zip(to(0, 101), work), ([there, work]) => [there, work, 0]),
    ],
    [
      "up to 100 ms pass on the way there, and up to 100 ms on the way back",
      Effect.map(Effect.zip(to(0, 101), to(0, 101)), ([there, back]) => [there, 0, back]),
    ],
  ])("if %s", ([, ways]) =>
    Effect.gen(function* () {
      const { rate, refused } = yield* outcome(150, () => ways)
      expect(rate).toBeGreaterThanOrEqual(9)
      expect(refused).toBeLessThanOrEqual(0.01)
    }))
})

describe("a cautious bucket", () => {
  const window = 100
  const cautious = withRefusal(nothing, 0, window)

  /** When requests arrive that are sent as soon as the bucket has a token, for twenty windows. */
  const arrivals = (limit: number, requests: ReadonlyArray<Request>): ReadonlyArray<number> => {
    let memory = cautious
    let out: ReadonlyArray<{ readonly token: Token; readonly request: Request }> = []
    const arrivedAt: Array<number> = []
    let sent = 0
    for (let now = 0; now < 20 * window; now++) {
      for (const { request, token } of out) {
        const took = request.there + request.rest
        if (now !== token.takenAt + took) continue
        if (request.isAnswered) memory = withAnswer(memory, took, now, window)
        token.ended = { took, lag: request.isAnswered ? lagOf(memory, took) : took }
      }
      out = out.filter(({ token }) => comesBackAt(token, memory, now, window) > now)
      for (const request of requests.slice(sent, sent + limit - out.length)) {
        sent++
        arrivedAt.push(now + request.there)
        out = [...out, { token: { takenAt: now, ended: undefined }, request }]
      }
    }
    return arrivedAt.toSorted((one, other) => one - other)
  }

  interface Request {
    readonly there: number
    readonly rest: number
    readonly isAnswered: boolean
  }

  // The bucket measures how much longer an answer takes than the fastest one. So a request that is
  // as fast as any comes first.
  const requests = fc.record({
    there: fc.nat(200),
    rest: fc.nat(200),
    others: fc.array(
      fc.record({ there: fc.nat(300), rest: fc.nat(300), isAnswered: fc.boolean() }),
      { minLength: 40, maxLength: 60 },
    ),
  }).map(({ others, there, rest }): ReadonlyArray<Request> => [
    { there, rest, isAnswered: true },
    ...others.map((other) => ({
      there: there + other.there,
      rest: rest + other.rest,
      isAnswered: other.isAnswered,
    })),
  ])

  it("lets no more than the limit arrive in any one window, however long each request travels", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), requests, (limit, requests) => {
      const times = arrivals(limit, requests)
      for (const [index, at] of times.entries()) {
        const windowLater = times[index + limit]
        if (windowLater !== undefined) expect(windowLater - at).toBeGreaterThanOrEqual(window)
      }
    }))
  })

  const token: Token = { takenAt: 0, ended: undefined }

  it("waits ten windows for an answer", () => {
    expect(comesBackAt(token, cautious, 500, window)).toBe(1000)
  })

  it("waits no longer than that, even if the answer took longer", () => {
    const ended = { took: 5000, lag: 4000 }
    expect(comesBackAt({ takenAt: 0, ended }, cautious, 500, window)).toBe(1000)
  })

  const end = (refusedAt: ReadonlyArray<number>) =>
    refusedAt.reduce((memory, at) => withRefusal(memory, at, window), nothing).cautiousUntil

  it("is cautious for twenty windows after a refusal", () => {
    expect(comesBackAt(token, cautious, 1999, window)).toBe(1000)
    expect(comesBackAt(token, cautious, 2000, window)).toBe(110)
  })

  it("starts its twenty windows again after a refusal within them", () => {
    expect(end([0, 1999])).toBe(1999 + 2000)
  })

  it("is cautious for forty windows, then sixty, if a refusal comes soon after it has ended", () => {
    expect(end([0, 2000])).toBe(2000 + 4000)
    expect(end([0, 7999])).toBe(7999 + 4000)
    expect(end([0, 2000, 6000])).toBe(6000 + 6000)
    expect(end([0, 2000, 6000, 12_000])).toBe(12_000 + 6000)
  })

  it("forgets a refusal after sixty windows", () => {
    expect(end([0, 8000])).toBe(8000 + 2000)
  })
})

describe("the fastest answer", () => {
  const lagAfter = (...answers: ReadonlyArray<readonly [at: number, took: number]>) =>
    lagOf(answers.reduce((memory, [at, took]) => withAnswer(memory, took, at, 100), nothing), 50)

  it("counts in its epoch of ten windows, and in the next", () => {
    expect(lagAfter([0, 5], [999, 40])).toBe(45)
    expect(lagAfter([0, 5], [1000, 40])).toBe(45)
    expect(lagAfter([0, 5], [1000, 40], [1999, 40])).toBe(45)
  })

  it("is forgotten after that", () => {
    expect(lagAfter([0, 5], [1000, 40], [2000, 40])).toBe(10)
    expect(lagAfter([0, 5], [2000, 40])).toBe(10)
  })
})
