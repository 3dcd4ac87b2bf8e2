/**
 * Raw HTTP answers of every kind, and a server that gives them.
 *
 * @module
 */
import * as fc from "fast-check"
import type { AddressInfo, Socket } from "node:net"
import { createServer } from "node:net"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { anyAnswer, apiKey } from "../everyOperation.ts"
import { newSecret, secretPart, tokens } from "./secrets.ts"

/** An answer's bytes. */
export interface RawAnswer {
  readonly bytes: Buffer
  /** Where the bytes are split into packets. */
  readonly cuts: ReadonlyArray<number>
  readonly ending: "end" | "reset" | "keep" | "hang"
}

const secrets = fc.constantFrom(
  tokens.apiKey,
  newSecret,
  secretPart(tokens.apiKey),
  `Bearer ${tokens.apiKey}`,
  `${newSecret}${tokens.apiKey}`,
)

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ maxLength: 30 }),
  secrets,
  fc.constantFrom("", "\u0000", "\u001b[31m", "\u202e", "\ud800", "__proto__", "x".repeat(9000)),
)

const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.constantFrom(null, true, 0, -1, 1e308, 7, "", [], {}),
    fc.array(tie("anything"), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(text, fc.constantFrom("id", "name", "secret", "details", "__proto__")),
      tie("anything"),
      { maxKeys: 4 },
    ),
  ),
}))

const maybe = (right: unknown): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: anything })

const keys = fc.record({
  id: maybe(apiKey.id),
  name: fc.oneof(text, maybe("n")),
  service_account_id: maybe(apiKey.service_account_id),
  created_at: maybe(apiKey.created_at),
  __proto: anything,
}, { requiredKeys: ["id", "name"] })

const errors = fc.record({
  code: maybe(7),
  message: fc.oneof(text, anything),
  details: fc.oneof(fc.array(anything, { maxLength: 5 }), anything),
  secret: secrets,
}, { requiredKeys: [] })

const everything = fc.record({ key: keys, secret: secrets, pageToken: fc.oneof(text, secrets) })
  .map(({ key, pageToken, secret }) => ({
    ...anyAnswer,
    ...key,
    api_key: key,
    secret,
    api_keys: [key],
    pagination: { next_page: pageToken, previous_page: pageToken },
  }))

/** JSON bodies. Each operation succeeds with some of them. */
export const models: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: everything },
  keys,
  fc.record({ api_key: keys, secret: fc.oneof(secrets, anything) }, { requiredKeys: ["api_key"] }),
  fc.record({
    api_keys: fc.oneof(fc.array(keys, { maxLength: 3 }), anything),
    pagination: fc.oneof(
      fc.record({ next_page: fc.oneof(text, anything), previous_page: text }, {
        requiredKeys: [],
      }),
      anything,
    ),
  }, { requiredKeys: ["api_keys"] }),
  errors,
)

const spoiled = fc.tuple(models, fc.nat(400), fc.nat(255)).map(([model, at, byte]) => {
  const bytes = Buffer.from(JSON.stringify(model))
  if (at < bytes.length) bytes[at] = byte
  return bytes
})

const bodies: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 8, arbitrary: models.map((model) => Buffer.from(JSON.stringify(model))) },
  { weight: 2, arbitrary: spoiled },
  { weight: 1, arbitrary: anything.map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from("[".repeat(50_000)),
      Buffer.from("NaN"),
      Buffer.from(`<html>${tokens.apiKey}</html>`),
      Buffer.from('{"a":'.repeat(20_000) + "1" + "}".repeat(20_000)),
      Buffer.alloc(200_000, "7"),
    ),
  },
)

const statuses = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(200, 200, 200, 201) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(301, 302, 307, 308, 400, 401, 403, 404, 408, 409, 429, 499),
  },
  { weight: 3, arbitrary: fc.constantFrom(500, 502, 503, 504, 599) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 999 }) },
)

const headerText = text.map((value) => value.replace(/[^\x20-\x7e]/g, ""))

const someHeaders = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.tuple(fc.constant("Retry-After"), headerText) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<[string, string]>(
        ["Retry-After", "3"],
        ["Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"],
        ["Location", "/elsewhere"],
        ["Content-Type", "text/html"],
        ["Content-Type", `application/${newSecret}`],
        ["Connection", "close"],
        ["Date", "now"],
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(
        fc.constantFrom("Content-Type", "Location", "Set-Cookie", "X-Secret", "Date", "Trailer"),
        headerText,
      ),
    },
    // Headers that make the answer itself unsound.
    {
      weight: 1,
      arbitrary: fc.constantFrom<[string, string]>(
        ["Content-Length", "3"],
        ["Content-Length", "-7"],
        ["Content-Encoding", "gzip"],
        ["Content-Encoding", "br"],
        ["Content-Encoding", newSecret],
        ["Transfer-Encoding", "gzip, chunked"],
        ["Upgrade", "websocket"],
        ["Bad Name", "x"],
        ["X", "a\nb"],
        ["X", "a\0b"],
        ["X", "y".repeat(20_000)],
      ),
    },
  ),
  { maxLength: 3 },
)

const headers = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Array<[string, string]>>([]) },
  { weight: 1, arbitrary: someHeaders },
)

const encodings = {
  none: (body: Buffer) => body,
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
}

const wellMeant = fc.record({
  status: statuses,
  reason: headerText,
  isJson: fc.nat(9).map((n) => n > 0),
  headers,
  body: bodies,
  framing: fc.constantFrom("length", "length", "length", "chunked", "chunked", "close", "wrong"),
  encoding: fc.constantFrom("none", "none", "none", "none", "gzip", "deflate", "br"),
}).map(({ body, encoding, framing, headers, isJson, reason, status }) => {
  // Each name that `encoding` may have is a key of `encodings`.
  const encoded = encodings[encoding as keyof typeof encodings](body)
  const lines = [`HTTP/1.1 ${status} ${reason}`]
  if (isJson) lines.push("Content-Type: application/json")
  if (encoding !== "none") lines.push(`Content-Encoding: ${encoding}`)
  if (framing === "length") lines.push(`Content-Length: ${encoded.length}`)
  if (framing === "wrong") lines.push(`Content-Length: ${encoded.length ^ 5}`)
  if (framing === "close") lines.push("Connection: close")
  if (framing === "chunked") lines.push("Transfer-Encoding: chunked")
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  const framed = framing === "chunked"
    ? [
      Buffer.from(`${encoded.length.toString(16)}\r\n`),
      encoded,
      Buffer.from(encoded.length === 0 ? "\r\n" : "\r\n0\r\n\r\n"),
    ]
    : [encoded]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), ...framed])
})

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.string().map((text) => Buffer.from(`HTTP/1.1 ${text}\r\n\r\n`)),
  fc.constantFrom("", "HTTP/1.1 200\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n")
    .map((text) => Buffer.from(text)),
  fc.tuple(wellMeant, fc.nat(300), fc.nat(255)).map(([bytes, at, byte]) => {
    const spoiled = Buffer.from(bytes)
    if (at < spoiled.length) spoiled[at] = byte
    return spoiled
  }),
)

const cutShort = fc.tuple(wellMeant, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([bytes, part]) => bytes.subarray(0, Math.floor(bytes.length * part)))

/** Answers, most of them well-formed. */
export const rawAnswers: fc.Arbitrary<RawAnswer> = fc.record({
  bytes: fc.oneof(
    { weight: 8, arbitrary: wellMeant },
    { weight: 1, arbitrary: garbage },
    { weight: 1, arbitrary: cutShort },
  ),
  cuts: fc.array(fc.nat(500), { maxLength: 3 }),
  ending: fc.oneof(
    { weight: 300, arbitrary: fc.constantFrom("end", "end", "end", "keep", "keep", "reset") },
    { weight: 1, arbitrary: fc.constant("hang") },
  ),
}).map((answer): RawAnswer => ({
  ...answer,
  // The strings above are the endings.
  ending: answer.ending as RawAnswer["ending"],
}))

/** Serves answers. The path of a request begins with the number of its answer. */
export const serveRaw = async () => {
  const answers = new Map<string, RawAnswer>()
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    let received = ""
    socket.on("data", (data) => {
      received += data.toString("latin1")
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
      const end = received.indexOf("\r\n\r\n")
      if (end < 0 || received.length < end + 4 + length) return
      const answer = answers.get(received.split(/[ /]+/)[1] ?? "")
      received = ""
      if (answer === undefined) return void socket.destroy()
      const cuts = [0, ...answer.cuts.toSorted((a, b) => a - b), answer.bytes.length]
      cuts.slice(1).forEach((to, i) => socket.write(answer.bytes.subarray(cuts[i], to)))
      if (answer.ending === "end") socket.end()
      // The bytes must arrive before the reset.
      if (answer.ending === "reset") setImmediate(() => socket.destroy())
      // A client that has read all may reuse the connection. One that waits for more gets its end.
      if (answer.ending === "keep") setTimeout(() => socket.end(), 20)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    /** The base URL at which an answer is served, until it is withdrawn. */
    offer: (answer: RawAnswer) => {
      const name = String(count++)
      answers.set(name, answer)
      return {
        baseUrl: `http://127.0.0.1:${port}/${name}`,
        withdraw: () => answers.delete(name),
      }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}
