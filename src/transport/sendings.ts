/**
 * Watches over what leaves the process in one attempt, whatever the HttpClient beneath does by itself.
 *
 * Programs give their client retries and redirects for everything that it sends
 * (`HttpClient.retryTransient`, `HttpClient.followRedirects`). Here a repeated create makes a second
 * live key, and a redirect takes the token to another place. A sending can be seen in two ways: each
 * client that is made with `HttpClient.make` asks whether to trace it and begins a span, and
 * `FetchHttpClient`, traced or not, reads `RequestInit`.
 *
 * @module
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Option from "effect/Option"
import type * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"

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
  /** Told when the request leaves once more. */
  readonly onAgain: () => void
}

/**
 * Watches over the sendings of one attempt. Where a span would begin, one that is refused is a defect,
 * so that no retry of the client's comes after it.
 */
export const makeSendings = (
  { mayRepeat, onAgain, origin, requestInit }: SendingsOptions,
): Sendings => {
  let traced = 0
  let fetched = 0
  let asking: HttpClientRequest.HttpClientRequest | undefined
  let first: HttpClientRequest.HttpClientRequest | undefined
  const spans = new Set<unknown>()

  const refuse = (why: SendingRefused): never => {
    sendings.refused = why
    throw new Error(`a sending was refused: ${why}`)
  }
  const refuseRepeat = (before: number): void => {
    if (before > 0 && !mayRepeat) refuse("Repeat")
  }
  // One sending is seen twice where a client shows it in both ways.
  const count = (times: number, timesOther: number): void => {
    if (times > 1 && times > timesOther) onAgain()
  }

  const beginTraced = (request: HttpClientRequest.HttpClientRequest): void => {
    first ??= request
    if (first !== request && urlOf(first) !== urlOf(request)) refuse("Redirect")
    if (!isOf(origin, request.url)) refuse("Origin")
    refuseRepeat(traced)
    count(++traced, fetched)
  }

  // A client that is made of another one shows one sending as two spans, one within the other.
  const isWithinOne = (parent: Option.Option<Tracer.AnySpan>): boolean =>
    Option.exists(
      parent,
      (span) => spans.has(span) || span._tag === "Span" && isWithinOne(span.parent),
    )

  const sendings: Sendings = {
    origin,
    status: undefined,
    refused: undefined,
    requestInit: {
      ...requestInit,
      // FetchHttpClient reads it once, as the last before it sends. It makes a failure of what is thrown.
      get redirect(): "manual" {
        refuseRepeat(fetched)
        count(++fetched, traced)
        return "manual"
      },
    },
    tracerDisabledWhen: (own) => (request) => {
      asking = request
      return own(request)
    },
    tracer: (own) =>
      Tracer.make({
        span: (name, parent, context, links, startTime, kind, options) => {
          const request = kind === "client" ? asking : undefined
          asking = undefined
          if (request !== undefined && !isWithinOne(parent)) beginTraced(request)
          const span = own.span(name, parent, context, links, startTime, kind, options)
          if (request === undefined) return span
          // Made for this client alone, so that nobody else is told.
          const attribute = span.attribute.bind(span)
          Object.assign(span, {
            attribute: (key: string, value: unknown) => {
              if (key === "http.response.status_code" && typeof value === "number") {
                sendings.status = value
              }
              attribute(key, value)
            },
          })
          spans.add(span)
          return span
        },
        context: (execution, fiber) => own.context(execution, fiber),
      }),
  }
  return sendings
}

const urlOf = ({ url, urlParams }: HttpClientRequest.HttpClientRequest): string =>
  `${url}?${UrlParams.toString(urlParams)}`

/** Decides whether a URL is of an origin. */
export const isOf = (origin: string, url: string): boolean =>
  url.startsWith(`${origin}/`) || URL.canParse(url) && new URL(url).origin === origin
