export * from "../../names/Effect.ts"
import type * as Clock4 from "effect4/Clock"
import type * as ConfigProvider from "effect4/ConfigProvider"
import * as ConfigProviders from "effect4/ConfigProvider"
import * as Console from "effect4/Console"
import type * as Context from "effect4/Context"
import * as Effect from "effect4/Effect"
import * as Random from "effect4/Random"
import * as Scheduler from "effect4/Scheduler"
import * as Clock from "./Clock.ts"
import { dual } from "effect4/Function"

type Same = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const provider = <Service>(tag: Context.Reference<Service>): {
  (service: Service): Same
  <A, E, R>(self: Effect.Effect<A, E, R>, service: Service): Effect.Effect<A, E, R>
} =>
  dual(
    2,
    <A, E, R>(self: Effect.Effect<A, E, R>, service: Service): Effect.Effect<A, E, R> =>
      Effect.provideService(self, tag, service),
  )

export const withConfigProvider = provider<ConfigProvider.ConfigProvider>(
  ConfigProviders.ConfigProvider,
)
export const withMaxOpsBeforeYield = provider(Scheduler.MaxOpsBeforeYield)
export const withRandom = provider(Random.Random)

export const withConsole = ({ unsafe }: { readonly unsafe: Console.Console }): Same =>
  Effect.provideService(Console.Console, { ...console, ...unsafe })

export const withClock: {
  (clock: Clock.Made): Same
  <A, E, R>(self: Effect.Effect<A, E, R>, clock: Clock.Made): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, clock: Clock.Made): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Clock.Clock, Clock.toEffect4(clock)),
)

export const clockWith = <A, E, R>(
  f: (clock: Clock.Made) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> => Effect.clockWith((clock: Clock4.Clock) => f(Clock.fromEffect4(clock)))

export const clock: Effect.Effect<Clock.Made> = clockWith(Effect.succeed)

export const locally = <A, E, R, Service>(
  self: Effect.Effect<A, E, R>,
  reference: Context.Reference<Service>,
  service: Service,
): Effect.Effect<A, E, R> => Effect.provideService(self, reference, service)

export const repeatN: {
  (times: number): Same
  <A, E, R>(self: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R> =>
    times === 0 ? self : Effect.flatMap(self, () => repeatN(self, times - 1)),
)

export const catchAllDefect = Effect.catchDefect
export const yieldNow = (): Effect.Effect<void> => Effect.yieldNow
