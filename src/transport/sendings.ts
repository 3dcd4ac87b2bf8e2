/**
 * Watches over what leaves the process in one attempt, whatever the HttpClient beneath does by itself.
 *
 * Programs give their client retries and redirects for everything that it sends
 * (`HttpClient.retryTransient`, `HttpClient.followRedirects`). Here a repeated create makes a second
 * live key, and a redirect takes the token to another place. A sending can be seen in two ways: each
 * client that is made with `HttpClient.make` begins a span and writes the URL on it before it sends,
 * and `FetchHttpClient`, traced or not, reads `RequestInit`.
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
  /** The request would leave a second time. */
  | "Repeat"
  /** The request was sent, and would then go to another URL: a redirect is followed. */
  | "Redirect"
  /** The request would go to another origin than the call's. */
  | "Origin"

/** One attempt's sendings. */
export interface Sendings {
  /** Of the URL that the call's request goes to. */
  readonly origin: string
  /** The status of the latest answer, where the client's span tells it. */
  status: number | undefined
  /** Why the latest sending was refused, if one was. */
  refused: SendingRefused | undefined
  /** Takes the place of the user's `RequestInit`, with what is in it. */
  readonly requestInit: RequestInit
  /** Takes the place of the user's `HttpClient.currentTracerDisabledWhen`, and decides as that does. */
  readonly tracerDisabledWhen: (
    own: Predicate.Predicate<HttpClientRequest.HttpClientRequest>,
  ) => Predicate.Predicate<HttpClientRequest.HttpClientRequest>
  /** Takes the place of the tracer, and hands everything on to it. */
  readonly tracer: (own: Tracer.Tracer) => Tracer.Tracer
}

/** What an attempt may send. */
export interface SendingsOptions {
  /** As in {@link Sendings}. */
  readonly origin: string
  /** Whether the request may leave more than once. */
  readonly mayRepeat: boolean
  readonly requestInit: RequestInit | undefined
  /** The span of the call that the attempt is part of. */
  readonly span: Tracer.AnySpan
  /** Whether a request is the attempt's. A client can send requests of its own. */
  readonly isOwn: (request: HttpClientRequest.HttpClientRequest) => boolean
  /** Told when the request leaves once more, and the status that answered it before, if that is known. */
  readonly onAgain: (status: number | undefined) => void
}

/**
 * Watches over the sendings of one attempt. Where a span tells of one that is refused, that is a
 * defect, so that no retry of the client's comes after it.
 */
export const makeSendings = (
  { isOwn, mayRepeat, onAgain, origin, requestInit, span: callSpan }: SendingsOptions,
): Sendings => {
  let traced = 0
  let fetched = 0
  let firstUrl: string | undefined
  let isOwnNow = true
  const asked: Array<HttpClientRequest.HttpClientRequest> = []
  /** How many sendings each span of one has seen within it. */
  const spans = new Map<Tracer.AnySpan, number>()

  const refuse = (why: SendingRefused): never => {
    sendings.refused = why
    throw new Error(`a sending was refused: ${why}`)
  }
  const refuseRepeat = (before: number): void => {
    if (before > 0 && !mayRepeat) refuse("Repeat")
  }
  // One sending is seen twice where a client shows it in both ways.
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
    // A client that is made of another one shows one sending as two spans, one within the other.
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

  // Within a client of the user's another call of this module can be made, which watches over its own.
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
      // FetchHttpClient reads it once, as the last before it sends. It makes a failure of what is thrown.
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
          // Made for this client alone, so that nobody else is told.
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

/** Decides whether a URL is of an origin. One that is relative says nothing of it. */
export const isOf = (origin: string, url: string): boolean =>
  url.startsWith(`${origin}/`) || !URL.canParse(url) || new URL(url).origin === origin
