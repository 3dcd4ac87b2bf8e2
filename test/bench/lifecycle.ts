/**
 * What a fleet's rotation costs at the API's rate limit: 500 keys over 20 service accounts with one
 * faulty answer in fifty, and growing numbers of keys of one account.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { type Fleet, type FleetOptions, rotateFleet } from "../lifecycle/rotation/fleet.ts"
import { inVirtualTime } from "../lifecycle/virtualTime.ts"
import { figure, type Row } from "./row.ts"

const count = 500

v8.setFlagsFromString("--expose-gc")
const collect: () => void = vm.runInNewContext("gc")

const liveHeap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** Rotates a fleet in virtual time, in which only the throttle makes it wait. */
const measure = async (
  options: FleetOptions,
): Promise<{ readonly fleet: Fleet; readonly mebibytes: number }> => {
  const idle = liveHeap()
  let peak = idle
  const step = options.keys / 10
  let next = step
  const fleet = await Effect.runPromise(
    inVirtualTime(rotateFleet({
      ...options,
      onProgress: ({ started, succeeded, waiting }) => {
        // With a grace, memory peaks when all rotations have started.
        if (started === options.keys && waiting === next || succeeded === next) {
          next += step
          peak = Math.max(peak, liveHeap())
        }
      },
      // Standard output is only for the table.
    })).pipe(Logger.withMinimumLogLevel(LogLevel.None)),
  )
  return { fleet, mebibytes: (peak - idle) / 1024 / 1024 }
}

/** Measures the fleets. */
export const lifecycleBench = async (): Promise<ReadonlyArray<Row>> => [
  ...await overManyAccounts(),
  ...await ofOneAccount(100),
  ...await ofOneAccount(1000),
  ...await ofOneAccount(10_000),
]

const ofOneAccount = async (keys: number): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const grace of ["0 minutes", "15 minutes"] as const) {
    const { fleet, mebibytes } = await measure({ keys, accounts: 1, grace, faults: [] })
    const what = `fleet of ${keys.toLocaleString("en")} of one account, grace ${grace}`
    const done = fleet.outcomes.filter(({ result }) => Either.isRight(result)).length
    const requests = fleet.requests / keys
    rows.push(
      {
        what: `${what}: requests a key`,
        measured: requests.toFixed(2),
        target: "<= 5.2",
        pass: done === keys && requests <= 5.2,
      },
      figure(
        "  time; peak live heap over idle, the emulator included",
        `${(fleet.seconds / 60).toFixed(1)} min; ${mebibytes.toFixed(0)} MiB`,
      ),
    )
  }
  return rows
}

const overManyAccounts = async (): Promise<ReadonlyArray<Row>> => {
  const { fleet, mebibytes: memory } = await measure({ keys: count, accounts: 20, grace: 0 })
  const failed = fleet.outcomes.filter(({ result }) => Either.isLeft(result)).length
  const orphans = fleet.keys.filter(({ id }) => !fleet.held.includes(id)).length
  const requests = fleet.requests / count
  // The API allows 10 a second, and the first 10 go out at once.
  const ideal = (fleet.requests - 10) / 10
  const share = ideal / fleet.seconds
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
