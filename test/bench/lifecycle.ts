/**
 * What it costs to rotate a fleet: 500 keys over 20 service accounts, at the API's rate limit, one
 * answer in fifty faulty.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { rotateFleet } from "../lifecycle/fleet.ts"
import { inVirtualTime } from "../lifecycle/virtualTime.ts"
import type { Row } from "./row.ts"

const count = 500

v8.setFlagsFromString("--expose-gc")
const collect: () => void = vm.runInNewContext("gc")

const liveHeap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** Rotates the fleet in virtual time, so that nothing but the throttle makes it wait. */
export const lifecycleBench = async (): Promise<ReadonlyArray<Row>> => {
  const idle = liveHeap()
  let peak = idle
  let next = 1
  const fleet = await Effect.runPromise(
    inVirtualTime(rotateFleet({
      keys: count,
      accounts: 20,
      grace: 0,
      onProgress: ({ succeeded }) => {
        if (succeeded === next) {
          next += 50
          peak = Math.max(peak, liveHeap())
        }
      },
      // Standard output is for the table alone.
    })).pipe(Logger.withMinimumLogLevel(LogLevel.None)),
  )

  const failed = fleet.outcomes.filter(({ result }) => Either.isLeft(result)).length
  const orphans = fleet.keys.filter(({ id }) => !fleet.held.includes(id)).length
  const requests = fleet.requests / count
  // The API allows 10 a second; the first 10 go out at once.
  const ideal = (fleet.requests - 10) / 10
  const share = ideal / fleet.seconds
  const memory = (peak - idle) / 1024 / 1024
  return [
    {
      what: "fleet of 500: not rotated, orphans",
      measured: `${failed}, ${orphans}`,
      target: "0, 0",
      pass: failed === 0 && orphans === 0,
    },
    {
      what: "fleet of 500: requests a key, 2 % faults",
      measured: requests.toFixed(2),
      target: "<= 6",
      pass: requests <= 6,
    },
    {
      what: "fleet of 500: time at 10 requests a second, ideal against measured",
      measured: `${ideal.toFixed(1)} s of ${fleet.seconds.toFixed(1)} s, ${
        (share * 100).toFixed(1)
      } %`,
      target: ">= 95 %",
      pass: share >= 0.95,
    },
    {
      what: "fleet of 500: peak live heap over idle, the emulator included",
      measured: `${memory.toFixed(0)} MiB`,
      target: "<= 64 MiB",
      pass: memory <= 64,
    },
  ]
}
