/**
 * Watches what leaves the process in one attempt, whatever the HttpClient beneath does by itself.
 *
 * Programs give their client retries and redirects for everything that it sends
 * (`HttpClient.retryTransient`, `HttpClient.followRedirects`). Here, a repeated create makes a
 * second live key, and a redirect takes the token to another place.
 *
 * A sending shows in two ways. Each client that is made with `HttpClient.make` begins a span and
 * writes the URL to it before it sends. `FetchHttpClient`, traced or not, reads `RequestInit`.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"
import { tracerOver } from "./tracerOver.ts"

/** Why a sending was refused. */
export type SendingRefused =
  /** The request was about to go out a second time. */
  | "Repeat"
  /** The request was sent, and was about to go to another URL: the client follows a redirect. */
  | "Redirect"
  /** The request was about to go to another origin than the call's. */
  | "Origin"

/** The sendings of one attempt. */
export interface Sendings {
  /** The origin of the call's URL. */
  readonly origin: string
  /** The status of the latest answer, if the client's span shows it. */
  status: number | undefined
  /** Why the latest sending was refused, if it was. */
  refused: SendingRefused | undefined
  /** Replaces the user's `RequestInit`, and keeps what is in it. */
  readonly requestInit: RequestInit
  /** Replaces the user's `HttpClient.currentTracerDisabledWhen`, and decides as that does. */
  readonly tracerDisabledWhen: (
    own: Predicate.Predicate<HttpClientRequest.HttpClientRequest>,
  ) => Predicate.Predicate<HttpClientRequest.HttpClientRequest>
  /** Wraps the tracer, and passes everything on to it. */
  readonly tracer: (own: Tracer.Tracer) => Tracer.Tracer
}

/** What an attempt may send. */
export interface SendingsOptions {
  /** As in {@link Sendings}. */
  readonly origin: string
  /** Whether the request may go out more than once. */
  readonly mayRepeat: boolean
  readonly requestInit: RequestInit | undefined
  /** The span of the call that the attempt is part of. */
  readonly span: Tracer.AnySpan
  /** Whether a request belongs to the attempt. A client can send requests of its own. */
  readonly isOwn: (request: HttpClientRequest.HttpClientRequest) => boolean
  /** Called when the request goes out once more, with the status of the answer before, if known. */
  readonly onAgain: (status: number | undefined) => void
}

/**
 * Watches the sendings of one attempt. If a span shows one that must be refused, it throws a
 * defect, so that none of the client's retries follows.
 */
export const makeSendings = (
  { isOwn, mayRepeat, onAgain, origin, requestInit, span: callSpan }: SendingsOptions,
): Sendings => {
  let traced = 0
  let fetched = 0
  let firstUrl: string | undefined
  let isOwnNow = true
  const asked: Array<HttpClientRequest.HttpClientRequest> = []
  /** The spans of sendings, each with the number of sendings inside it. */
  const spans = new Map<Tracer.AnySpan, number>()

  const refuse = (why: SendingRefused): never => {
    sendings.refused = why
    throw new Error(`a sending was refused: ${why}`)
  }
  const refuseRepeat = (before: number): void => {
    if (before > 0 && !mayRepeat) refuse("Repeat")
  }
  // If a client shows a sending in both ways, it counts once.
  const count = (times: number, timesOther: number): void => {
    if (times > 1 && times > timesOther) onAgain(sendings.status)
    sendings.status = undefined
  }

  const begin = (span: Tracer.Span, url: string): void => {
    firstUrl ??= url
    const isRedirected = sendings.status !== undefined && sendings.status >= 300 &&
      sendings.status < 400
    if (url !== firstUrl && (isRedirected || placeOf(url) !== placeOf(firstUrl))) refuse("Redirect")
    if (!isOf(origin, url)) refuse("Origin")
    // A client that wraps another one shows one sending as two nested spans.
    const outer = outerOf(span.parent)
    const within = outer === undefined ? 1 : spans.get(outer) ?? 0
    if (outer !== undefined) spans.set(outer, within + 1)
    spans.set(span, 0)
    if (outer !== undefined && within === 0) return
    refuseRepeat(traced)
    count(++traced, fetched)
  }

  const outerOf = (parent: Option.Option<Tracer.AnySpan>): Tracer.AnySpan | undefined => {
    const span = Option.getOrUndefined(parent)
    return span === undefined || spans.has(span)
      ? span
      : span._tag === "Span"
      ? outerOf(span.parent)
      : undefined
  }

  // A user's client may make another call of this module, which watches its own sendings.
  const isOfOtherCall = (parent: Option.Option<Tracer.AnySpan>): boolean =>
    Option.exists(
      parent,
      (span) =>
        span._tag === "Span" && span.spanId !== callSpan.spanId &&
        (span.name.startsWith("ApiKeys.") || isOfOtherCall(span.parent)),
    )

  const sendings: Sendings = {
    origin,
    status: undefined,
    refused: undefined,
    requestInit: {
      ...requestInit,
      // FetchHttpClient reads this once, right before it sends, and turns what it throws into a
      // failure.
      get redirect(): "manual" {
        if (isOwnNow) {
          refuseRepeat(fetched)
          count(++fetched, traced)
        }
        return "manual"
      },
    },
    tracerDisabledWhen: (own) => (request) => {
      asked.push(request)
      return own(request)
    },
    tracer: (own) =>
      tracerOver(own, {
        span: (span, kind) => {
          if (kind !== "client") return span
          // The span belongs to this client alone, so the change affects nobody else.
          const attribute = span.attribute.bind(span)
          return Object.assign(span, {
            attribute: (key: string, value: unknown) => {
              attribute(key, value)
              if (key === "url.full" && typeof value === "string") {
                const at = asked.findIndex(({ url }) => value.startsWith(url))
                const [request] = at < 0 ? [] : asked.splice(at, 1)
                isOwnNow = (request === undefined || isOwn(request)) && !isOfOtherCall(span.parent)
                if (isOwnNow) begin(span, value)
              }
              if (
                key === "http.response.status_code" && typeof value === "number" && spans.has(span)
              ) {
                sendings.status = value
              }
            },
          })
        },
      }),
  }
  return sendings
}

const placeOf = (url: string): string => url.replace(/[?#].*$/s, "")

/** Whether a URL belongs to an origin. A relative URL does not tell, and passes. */
export const isOf = (origin: string, url: string): boolean =>
  url.startsWith(`${origin}/`) || !URL.canParse(url) || new URL(url).origin === origin
