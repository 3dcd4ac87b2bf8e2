/**
 * Which tests are whose: a mutant of an area's sources is to be killed by the area's own tests.
 *
 * They are the fast ones: no tool, no socket, no waiting.
 *
 * @module
 */

/** Sources below `src/`, files or directories, and tests below `test/`. */
export interface Area {
  readonly sources: ReadonlyArray<string>
  /** The fastest first. */
  readonly tests: ReadonlyArray<string>
}

const transport = (name: string) => `transport/${name}.ts`
const lifecycle = (name: string) => `lifecycle/${name}.ts`
const lifecycleTest = (name: string) => `lifecycle/${name}.test.ts`
const transportTest = (name: string) => `transport/${name}.test.ts`

/** Every source but the emulator's, in exactly one area. */
export const areas: Readonly<Record<string, Area>> = {
  wire: {
    sources: ["ApiKey.ts", "ApiKeyId.ts", ...["decode", "retryAfter", "wire"].map(transport)],
    tests: ["wire", "retryAfter", "decode"].map(transportTest),
  },
  redaction: {
    sources: [transport("redact")],
    tests: [transportTest("redact")],
  },
  shield: {
    sources: [transport("shield")],
    tests: ["shield", "exchange"].map(transportTest),
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
    sources: ["ApiKeyError.ts", ...["failure", "response"].map(transport)],
    tests: [
      ...["failure", "response", "exchange"].map(transportTest),
      "endpoints/badAnswer.test.ts",
    ],
  },
  exchange: {
    sources: [transport("exchange")],
    tests: [transportTest("exchange")],
  },
  calls: {
    sources: ["attemptTimeout", "AttemptWait", "execute", "monotonic"].map(transport),
    tests: ["attemptTimeout", "deadline", "exchange", "renewal", "visibility", "monotonic"].map(
      transportTest,
    ),
  },
  metrics: {
    sources: [transport("metrics")],
    tests: [transportTest("visibility")],
  },
  retries: {
    sources: ["operation.ts", transport("RetryPolicy")],
    tests: [transportTest("failure"), "spec.test.ts", transportTest("RetryPolicy")],
  },
  throttle: {
    sources: ["buckets", "gate", "line", "throttle", "ThrottleStore", "tokenBucket"].map(transport),
    tests: ["buckets", "gate", "line", "throttle", "ThrottleStore", "tokenBucket"].map(
      transportTest,
    ),
  },
  credentials: {
    sources: ["Credentials.ts"],
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
    sources: ["keyIndex", "rotation"].map(lifecycle),
    tests: ["keyIndex", "nextStep", "rotation"].map(lifecycleTest),
  },
  creating: {
    sources: [
      "checkMarkable",
      "createApiKeyOnce",
      "createMarked",
      "LeftBehind",
      "removeApiKey",
      "sweepExpiredApiKeys",
      "temporaryApiKey",
    ].map(lifecycle),
    tests: ["messages", "temporaryApiKey", "logs", "createApiKeyOnce", "guards"].map(lifecycleTest),
  },
  acting: {
    sources: [lifecycle("act")],
    tests: ["rotationOutcome", "rotateApiKey"].map(lifecycleTest),
  },
  rotating: {
    sources: ["rotate", "rotateApiKey", "RotationFailed", "RotationStep"].map(lifecycle),
    tests: ["messages", "rotationOutcome", "logs", "rotateApiKey", "onStep"].map(lifecycleTest),
  },
  following: {
    sources: ["followingCredentials", "SecretStore"].map(lifecycle),
    tests: ["followingCredentials", "SecretStore", "logs"].map(lifecycleTest),
  },
  fleet: {
    sources: ["listAccount", "rotateApiKeys", "sharedLists"].map(lifecycle),
    tests: ["listAccount", "onStep", "rotateApiKeys", "sharedLists"].map(lifecycleTest),
  },
}
