export * from "../../names/Schedule.ts"
import { dual } from "effect4/Function"
import type * as Duration from "effect4/Duration"
import * as Schedule from "effect4/Schedule"

type Any = Schedule.Schedule<unknown>

export const intersect: {
  (that: Any): (self: Any) => Schedule.Schedule<Duration.Duration>
  (self: Any, that: Any): Schedule.Schedule<Duration.Duration>
} = dual(
  2,
  (self: Any, that: Any): Schedule.Schedule<Duration.Duration> => Schedule.max([self, that]),
)
