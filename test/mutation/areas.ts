/**
 * Assigns tests to sources. The tests of an area must kill the mutants of its sources.
 *
 * They are the fast tests, which use no tool and no socket, and do not wait.
 *
 * @module
 */

import { readdirSync } from "node:fs"
import { join } from "node:path"

/** Sources below `src/`, files or directories, and tests below `test/`. */
export interface Area {
  readonly sources: ReadonlyArray<string>
  /** The fastest first. */
  readonly tests: ReadonlyArray<string>
}

const transport = (name: string) => `transport/${name}.ts`
const lifecycle = (name: string) => `lifecycle/${name}.ts`
const rotation = (name: string) => `lifecycle/rotation/${name}.ts`
const waiting = (name: string) => `waiting/${name}.ts`
const waitingTest = (name: string) => `waiting/${name}.test.ts`
const rotationTest = (name: string) => `lifecycle/rotation/${name}.test.ts`
const lifecycleTest = (name: string) => `lifecycle/${name}.test.ts`
const transportTest = (name: string) => `transport/${name}.test.ts`

/** The areas. Every source is in exactly one, except the emulator's. */
export const areas: Readonly<Record<string, Area>> = {
  wire: {
    sources: ["ApiKey.ts", "ApiKeyId.ts", "wire.ts", ...["decode", "retryAfter"].map(transport)],
    tests: ["wire.test.ts", ...["retryAfter", "decode"].map(transportTest)],
  },
  redaction: {
    sources: [transport("redact")],
    tests: [transportTest("redact")],
  },
  shield: {
    sources: ["ClientSurroundings", "shield", "SpanChanges", "surroundings", "tracerOver"].map(
      transport,
    ),
    tests: ["shield", "beginnings", "exchange"].map(transportTest),
  },
  request: {
    sources: ["version.ts", transport("request")],
    tests: [
      "Credentials.test.ts",
      "endpoints/createApiKey.test.ts",
      "endpoints/badInput.test.ts",
      "spec.test.ts",
      transportTest("response"),
    ],
  },
  answer: {
    sources: ["ApiKeyError.ts", ...["clientErrors", "failure", "json", "response"].map(transport)],
    tests: [
      ...["json", "failure", "response", "exchange"].map(transportTest),
      "endpoints/badAnswer.test.ts",
    ],
  },
  exchange: {
    sources: ["exchange", "sendings"].map(transport),
    tests: ["exchange", "sendings"].map(transportTest),
  },
  calls: {
    sources: ["attemptHold", "attemptTimeout", "AttemptWait", "execute", "ownFiber"].map(transport),
    tests: [
      "attemptHold",
      "attemptTimeout",
      "deadline",
      "exchange",
      "renewal",
      "visibility",
    ].map(transportTest),
  },
  metrics: {
    sources: ["instruments", "metrics"].map(transport),
    tests: [transportTest("visibility")],
  },
  retries: {
    sources: ["operation.ts", transport("RetryPolicy")],
    tests: [
      transportTest("failure"),
      "spec.test.ts",
      transportTest("RetryPolicy"),
    ],
  },
  throttle: {
    sources: [
      "atGate",
      "buckets",
      "limiterWait",
      "throttle",
      "ThrottleStore",
      "tokenBucket",
      "tokenWait",
    ].map(
      transport,
    ),
    tests: ["buckets", "throttle", "ThrottleStore", "tokenBucket"].map(transportTest),
  },
  waiting: {
    sources: ["durationProblem", "gate", "line", "monotonic", "wholeMillis"].map(waiting),
    tests: ["durationProblem", "gate", "line", "monotonic", "wholeMillis"].map(waitingTest),
  },
  credentials: {
    sources: ["Credentials.ts", "settings.ts"],
    tests: ["Credentials.test.ts"],
  },
  endpoints: {
    sources: ["endpoints"],
    tests: [
      "endpoints/listApiKeys.test.ts",
      transportTest("response"),
      "endpoints/badInput.test.ts",
      "spec.test.ts",
    ],
  },
  marks: {
    sources: ["apiKeyIdOf", "mark"].map(lifecycle),
    tests: [lifecycleTest("mark")],
  },
  decisions: {
    sources: ["decide", "fleetBeginning", "keyIndex"].map(rotation),
    tests: ["keyIndex", "fleetBeginning", "nextStep", "decide"].map(rotationTest),
  },
  creating: {
    sources: [
      "boundCalls",
      "checkMarkable",
      "createApiKeyOnce",
      "createMarked",
      "discardApiKey",
      "failIfOverdue",
      "lease",
      "LeftBehind",
      "onUnseenEnd",
      "pacing",
      "removeApiKey",
      "sweepExpiredApiKeys",
      "temporaryApiKey",
    ].map(lifecycle),
    tests: ["messages", "temporaryApiKey", "logs", "createApiKeyOnce", "guards", "brokenOff"]
      .map(lifecycleTest),
  },
  acting: {
    sources: [rotation("act")],
    tests: ["rotationOutcome", "rotateApiKey"].map(rotationTest),
  },
  rotating: {
    sources: [
      "Around",
      "checkRotation",
      "Rotation",
      "rotateApiKey",
      "RotationFailed",
      "RotationStep",
      "run",
    ]
      .map(
        rotation,
      ),
    tests: [
      ...["messages", "logs"].map(lifecycleTest),
      ...["checkRotation", "rotationOutcome", "rotateApiKey", "shortRuns", "onStep"].map(
        rotationTest,
      ),
    ],
  },
  following: {
    sources: ["fileProblem", "fileSecretStore", "followingCredentials", "SecretStore"]
      .map(lifecycle),
    tests: ["fileSecretStore", "followingCredentials", "SecretStore", "logs"].map(lifecycleTest),
  },
  fleet: {
    sources: ["listAccount", "rotateApiKeys", "sharedLists"].map(rotation),
    tests: ["listAccount", "onStep", "rotateApiKeys", "sharedLists"].map(rotationTest),
  },
}

/** Whether a source, such as `src/waiting/gate.ts`, is in an area. */
export const isOf = (path: string, area: Area): boolean =>
  area.sources.some((source) => path === `src/${source}` || path.startsWith(`src/${source}/`))

/** The mutated sources, such as `src/waiting/gate.ts`. */
export const mutatedSources = (root: string): ReadonlyArray<string> =>
  readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((path) => `src/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts") && !/^src\/(?:emulator\/|mod\.ts$)/.test(path))
    .toSorted()

/** The sources that are in no area, or in several. */
export const homeless = (sources: ReadonlyArray<string>): ReadonlyArray<string> =>
  sources.filter((path) => Object.values(areas).filter((area) => isOf(path, area)).length !== 1)
