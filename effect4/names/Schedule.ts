export * from "effect4/Schedule"
import type * as Duration from "effect4/Duration"
import * as Effect from "effect4/Effect"
import * as Schedule from "effect4/Schedule"

export const stop: Schedule.Schedule<number> = /* @__PURE__ */ Schedule.recurs(0)

export const modifyDelayEffect =
  <Out>(f: (output: Out, delay: Duration.Duration) => Effect.Effect<Duration.Input>) =>
  <In, E, R>(self: Schedule.Schedule<Out, In, E, R>): Schedule.Schedule<Out, In, E, R> =>
    Schedule.modifyDelay(self, ({ duration, output }) => f(output, duration))

export const whileInput =
  <In>(f: (input: In) => boolean) =>
  <Out, E, R>(self: Schedule.Schedule<Out, In, E, R>): Schedule.Schedule<Out, In, E, R> =>
    Schedule.while(self, ({ input }) => f(input))

export const mapInput =
  <In, In2>(f: (input: In2) => In) =>
  <Out, E, R>(self: Schedule.Schedule<Out, In, E, R>): Schedule.Schedule<Out, In2, E, R> =>
    Schedule.fromStep(
      Effect.map(Schedule.toStep(self), (step) => (now: number, input: In2) => step(now, f(input))),
    )
