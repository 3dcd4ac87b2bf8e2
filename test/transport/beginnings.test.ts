import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import { redactor } from "../../src/transport/redact.ts"
import { shielded } from "../../src/transport/shield.ts"

type Untraced = Predicate.Predicate<HttpClientRequest.HttpClientRequest>

const token = "NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"

it.effect("a span under the shield starts with a redacted name and redacted attributes", () =>
  Effect.gen(function* () {
    const own = yield* Effect.tracer
    const told: Array<unknown> = []
    const watching = Tracer.make({
      context: (execution, fiber) => own.context(execution, fiber),
      span: (name, parent, context, links, startTime, kind, options) => {
        told.push([name, options?.attributes])
        return own.span(name, parent, context, links, startTime, kind, options)
      },
    })
    const unwatched = { tracer: identity<Tracer.Tracer>, tracerDisabledWhen: identity<Untraced> }
    yield* Effect.void.pipe(
      Effect.withSpan(`span ${token}`, { attributes: { start: token } }),
      (effect) => shielded(effect, redactor([token]), unwatched),
      Effect.withTracer(watching),
    )
    expect(told).toEqual([["span <redacted>", { start: "<redacted>" }]])
  }))
