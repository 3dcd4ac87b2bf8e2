/**
 * The part of `@effect/vitest` that the tests use. Its version for Effect 4 needs a newer vitest
 * and Node.
 *
 * @module
 */
import * as Cause from "effect4/Cause"
import * as Effect from "effect4/Effect"
import * as Exit from "effect4/Exit"
import * as References from "effect4/References"
import type * as Scope from "effect4/Scope"
import * as TestClock from "./names/TestClock.ts"
import * as vitest from "vitest"

export * from "vitest"

type Run<R> = <A, E>(effect: Effect.Effect<A, E, R>) => Promise<A>

const settle = async <A, E>(effect: Effect.Effect<A, E>): Promise<A> => {
  const exit = await Effect.runPromise(Effect.exit(effect))
  if (Exit.isSuccess(exit)) return exit.value
  const [error] = Cause.prettyErrors(exit.cause)
  // The original error lets vitest show both sides of a failed expectation.
  throw Cause.squash(exit.cause) ?? error
}

const inTestClock: Run<Scope.Scope> = (effect) =>
  settle(effect.pipe(
    Effect.provide(TestClock.layer),
    Effect.provideService(References.CurrentLoggers, new Set()),
    Effect.scoped,
  ))

const live: Run<Scope.Scope> = (effect) => settle(Effect.scoped(effect))

const tester = <R>(run: Run<R>) =>
  Object.assign(
    <A, E>(
      name: string,
      body: (context: vitest.TestContext) => Effect.Effect<A, E, R>,
      timeout?: number | vitest.TestOptions,
    ) => vitest.it(name, timeoutOf(timeout), (context) => run(body(context)).then(() => {})),
    {
      each: <T>(cases: ReadonlyArray<T>) =>
      <A, E>(
        name: string,
        body: (value: T) => Effect.Effect<A, E, R>,
        timeout?: number | vitest.TestOptions,
      ) =>
        vitest.it.for(cases)(name, timeoutOf(timeout), (value) => run(body(value)).then(() => {})),
    },
  )

const timeoutOf = (
  timeout: number | vitest.TestOptions | undefined,
): vitest.TestOptions => typeof timeout === "number" ? { timeout } : timeout ?? {}

export const it = Object.assign(
  (...args: Parameters<typeof vitest.it>) => vitest.it(...args),
  vitest.it,
  {
    effect: tester(inTestClock),
    scoped: tester(inTestClock),
    live: tester(live),
    scopedLive: tester(live),
  },
)
