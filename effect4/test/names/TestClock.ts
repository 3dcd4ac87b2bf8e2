// Effect 3's TestClock lets all work settle before each step, even the reading of a body.
import * as Clock from "effect4/Clock"
import * as Context from "effect4/Context"
import * as Duration from "effect4/Duration"
import * as Effect from "effect4/Effect"
import * as Layer from "effect4/Layer"
import * as Scheduler from "effect4/Scheduler"
import * as TestClock from "effect4/testing/TestClock"

class Steps extends Context.Service<Steps, {
  readonly to: (timestamp: number) => Effect.Effect<void>
}>()("test/Steps") {}

export const layer: Layer.Layer<never> = Layer.effectContext(
  Effect.gen(function* () {
    const services = yield* Layer.build(TestClock.layer())
    const clock = Context.get(services, Clock.Clock) as TestClock.TestClock
    const scheduler = Context.get(services, Scheduler.Scheduler)
    let scheduled = 0
    const counting: Scheduler.Scheduler = {
      executionMode: scheduler.executionMode,
      shouldYield: (fiber) => scheduler.shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = scheduler.makeDispatcher()
        return {
          scheduleTask: (task, priority) => {
            scheduled++
            dispatcher.scheduleTask(task, priority)
          },
          flush: () => dispatcher.flush(),
        }
      },
    }
    const settled = Effect.promise(async () => {
      // A body is read within a few rounds of the event loop, in which no fiber runs.
      for (let idle = 0; idle < 4; idle++) {
        const before = scheduled
        await new Promise((resolve) => setImmediate(resolve))
        if (scheduled > before) idle = -1
      }
    })
    const ends = new Set<{ readonly at: number }>()
    const sleep = (duration: Duration.Duration) =>
      Effect.suspend(() => {
        const end = { at: clock.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
        ends.add(end)
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => ends.delete(end)))
      })
    const to = (timestamp: number): Effect.Effect<void> =>
      Effect.flatMap(settled, () => {
        const next = Math.min(...[...ends].map(({ at }) => at))
        return next > timestamp
          ? clock.setTime(timestamp)
          : Effect.flatMap(clock.setTime(next), () => to(timestamp))
      })
    return services.pipe(
      Context.add(Clock.Clock, { ...clock, sleep }),
      Context.add(Scheduler.Scheduler, counting),
      Context.add(Steps, { to }),
    )
  }),
)

// Every test runs with the layer.
const steps = Steps as unknown as Effect.Effect<Steps["Service"]>

export const setTime = (timestamp: number): Effect.Effect<void> =>
  Effect.flatMap(steps, ({ to }) => to(timestamp))

export const adjust = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.zipWith(steps, Clock.currentTimeMillis, ({ to }, now) =>
      to(now + Duration.toMillis(duration))),
    (step) =>
      step,
  )
