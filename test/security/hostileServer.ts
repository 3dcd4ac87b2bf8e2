/**
 * A server that answers as no server should. The first segment of the path names the case.
 *
 * @module
 */
import type { AddressInfo, Server, Socket } from "node:net"
import { createServer } from "node:net"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"

/** One way to answer. */
export interface HostileCase {
  readonly name: string
  readonly answer: (socket: Socket, ports: Ports) => void
  /** The right outcomes: tags of errors, or `ok`. */
  readonly outcomes: ReadonlyArray<string>
  /** The status in the error, if it is the same on every runtime. */
  readonly status?: number
  /** The name of the key, if the answer is one. */
  readonly keyName?: string
  /** What the message says. */
  readonly says?: RegExp
  readonly maxBytes?: number
  readonly timeoutMillis?: number
  readonly operation?: "createApiKey"
}

/** The port of the server, and of another one that must get no request. */
export interface Ports {
  readonly own: number
  readonly other: number
}

const id = "CCDB1_12345abcdefGHIJKLMnopq"

const key = (name: string): string =>
  `{"id":"${id}","service_account_id":"s","created_at":"2022-03-22T20:23:11Z","name":${name}}`

const openHead = (status: number, ...headers: ReadonlyArray<string>): string =>
  [`HTTP/1.1 ${status} X`, "Content-Type: application/json", ...headers, "", ""].join("\r\n")

/** A client must not use the connection again: Deno repeats a GET on one that the server ends. */
const head = (status: number, ...headers: ReadonlyArray<string>): string =>
  openHead(status, "Connection: close", ...headers)

const whole = (status: number, body: string | Uint8Array, ...headers: ReadonlyArray<string>) =>
  Buffer.concat([
    Buffer.from(head(status, `Content-Length: ${Buffer.byteLength(body)}`, ...headers)),
    Buffer.from(body),
  ])

const chunk = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`

/** Writes as long as the client reads. */
const forEver = (socket: Socket, text: string): void => {
  const write = (): void => {
    if (socket.destroyed) return
    if (socket.write(text)) setImmediate(write)
    else socket.once("drain", write)
  }
  write()
}

const zeros = Buffer.alloc(192 * 1024 * 1024, "0")
const lazily = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
const bombs = {
  gzip: lazily(() => gzipSync(zeros, { level: 1 })),
  deflate: lazily(() => deflateSync(zeros, { level: 1 })),
  br: lazily(() => brotliCompressSync(zeros, { params: { 1: 1 } })),
}

const bombCases = Object.entries(bombs).flatMap(([encoding, bomb]): ReadonlyArray<HostileCase> => {
  const shared = { maxBytes: 1024 * 1024, outcomes: ["UnexpectedResponse"], status: 200 }
  return [
    {
      ...shared,
      name: `${encoding}-bomb-with-a-length`,
      // Deno does not inflate deflate, and finds no JSON.
      says: /longer than 1048576 bytes|is not JSON/,
      answer: (socket) => socket.end(whole(200, bomb(), `Content-Encoding: ${encoding}`)),
    },
    {
      ...shared,
      name: `${encoding}-bomb-in-chunks`,
      says: /longer than 1048576 bytes|is not JSON/,
      answer: (socket) => {
        socket.write(head(200, "Transfer-Encoding: chunked", `Content-Encoding: ${encoding}`))
        socket.write(`${bomb().length.toString(16)}\r\n`)
        socket.write(bomb())
        socket.end("\r\n0\r\n\r\n")
      },
    },
    {
      ...shared,
      name: `${encoding}-bomb-in-an-error`,
      outcomes: ["InvalidRequest"],
      status: 400,
      answer: (socket) => socket.end(whole(400, bomb(), `Content-Encoding: ${encoding}`)),
    },
  ]
})

const redirectCases = [301, 302, 303, 307, 308].flatMap((status) =>
  Object.entries({
    "another-port": ({ other }: Ports) => `http://127.0.0.1:${other}/`,
    "another-host": ({ other }: Ports) => `http://localhost:${other}/`,
    "https": ({ other }: Ports) => `https://127.0.0.1:${other}/`,
    "any-scheme": ({ other }: Ports) => `//127.0.0.1:${other}/`,
    "the-same-host": ({ own }: Ports) => `http://127.0.0.1:${own}/sound/api/v1/api-keys/${id}`,
    "a-path": () => `/sound/api/v1/api-keys/${id}`,
    "nowhere": () => "http://",
  }).flatMap(([where, location]) =>
    [undefined, "createApiKey" as const].map((operation): HostileCase => ({
      name: `${status}-to-${where}${operation === undefined ? "" : "-of-a-create"}`,
      ...(operation === undefined ? {} : { operation }),
      outcomes: ["UnexpectedResponse"],
      status,
      says: /Redirects are not followed/,
      answer: (socket, ports) => socket.end(whole(status, "", `Location: ${location(ports)}`)),
    }))
  )
)

const over = { maxBytes: 64 * 1024, status: 200, says: /longer than 65536 bytes/ }
const broken = ["TransportError", "UnexpectedResponse"]

/** The cases, which run on every runtime. */
export const hostileCases: ReadonlyArray<HostileCase> = [
  {
    name: "sound",
    outcomes: ["ok"],
    keyName: "n",
    answer: (socket) => socket.end(whole(200, key('"n"'))),
  },
  ...redirectCases,
  ...bombCases,
  {
    ...over,
    name: "longer-than-the-bound",
    outcomes: ["UnexpectedResponse"],
    answer: (socket) => socket.end(whole(200, key(`"${"n".repeat(100_000)}"`))),
  },
  {
    ...over,
    name: "endless-chunks",
    outcomes: ["UnexpectedResponse"],
    answer: (socket) => {
      socket.write(head(200, "Transfer-Encoding: chunked"))
      forEver(socket, chunk(" ".repeat(10_000)))
    },
  },
  {
    ...over,
    name: "endless-without-a-length",
    outcomes: ["UnexpectedResponse"],
    answer: (socket) => {
      socket.write(head(200))
      forEver(socket, " ".repeat(10_000))
    },
  },
  {
    name: "endless-chunks-of-an-error",
    maxBytes: 64 * 1024,
    outcomes: ["NotFound"],
    status: 404,
    answer: (socket) => {
      socket.write(head(404, "Transfer-Encoding: chunked"))
      forEver(socket, chunk(" ".repeat(10_000)))
    },
  },
  {
    name: "endless-headers",
    outcomes: ["TransportError"],
    timeoutMillis: 1000,
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      forEver(socket, `x: ${"y".repeat(1000)}\r\n`)
    },
  },
  {
    name: "endless-preliminaries",
    outcomes: ["TransportError"],
    timeoutMillis: 1000,
    answer: (socket) => forEver(socket, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
  },
  {
    name: "a-drip",
    outcomes: ["TransportError"],
    says: /no whole answer within 500ms/,
    timeoutMillis: 500,
    answer: (socket) => {
      socket.write(head(200, "Content-Length: 100000"))
      const drip = setInterval(() => socket.write(" "), 20)
      socket.once("close", () => clearInterval(drip))
    },
  },
  {
    name: "a-dripping-header",
    outcomes: ["TransportError"],
    says: /no whole answer within 500ms/,
    timeoutMillis: 500,
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx: ")
      const drip = setInterval(() => socket.write("y"), 20)
      socket.once("close", () => clearInterval(drip))
    },
  },
  {
    name: "silence",
    outcomes: ["TransportError"],
    says: /no whole answer within 500ms/,
    timeoutMillis: 500,
    answer: () => {},
  },
  {
    name: "a-length-that-is-too-short",
    outcomes: broken,
    answer: (socket) => socket.end(`${head(200, "Content-Length: 20")}${key('"n"')}`),
  },
  {
    name: "a-length-that-is-too-long",
    outcomes: ["TransportError"],
    answer: (socket) => socket.end(`${head(200, "Content-Length: 2000")}${key('"n"')}`),
  },
  {
    name: "a-length-beyond-all-bounds",
    outcomes: ["TransportError", "UnexpectedResponse"],
    timeoutMillis: 500,
    answer: (socket) => socket.write(`${head(200, "Content-Length: 99999999999999999999")}{`),
  },
  {
    name: "a-negative-length",
    outcomes: broken,
    timeoutMillis: 1000,
    answer: (socket) => socket.end(`${head(200, "Content-Length: -1")}${key('"n"')}`),
  },
  {
    name: "two-lengths",
    outcomes: broken,
    timeoutMillis: 1000,
    answer: (socket) =>
      socket.end(`${head(200, "Content-Length: 5", "Content-Length: 9000")}${key('"n"')}`),
  },
  {
    name: "a-length-beside-endless-chunks",
    maxBytes: 64 * 1024,
    outcomes: broken,
    timeoutMillis: 1000,
    answer: (socket) => {
      socket.write(head(200, "Content-Length: 5", "Transfer-Encoding: chunked"))
      forEver(socket, chunk(" ".repeat(10_000)))
    },
  },
  {
    name: "chunks-without-an-end",
    outcomes: ["TransportError"],
    // After "Connection: close", Node takes the end of the connection for the end of the body.
    answer: (socket) => socket.end(openHead(200, "Transfer-Encoding: chunked") + chunk(key('"n"'))),
  },
  {
    name: "chunks-of-no-size",
    outcomes: broken,
    answer: (socket) => socket.end(`${head(200, "Transfer-Encoding: chunked")}zz\r\n{}\r\n`),
  },
  {
    name: "a-reset",
    outcomes: ["TransportError"],
    answer: (socket) => socket.resetAndDestroy(),
  },
  {
    name: "no-http",
    outcomes: ["TransportError"],
    timeoutMillis: 1000,
    answer: (socket) => socket.end("\0\x01\x02 SSH-2.0-OpenSSH_9.6\r\n"),
  },
  {
    name: "false-gzip",
    outcomes: broken,
    answer: (socket) => socket.end(whole(200, key('"n"'), "Content-Encoding: gzip")),
  },
  {
    name: "a-long-header",
    outcomes: ["TransportError", "RateLimited"],
    timeoutMillis: 2000,
    answer: (socket) => socket.end(whole(429, "{}", `Retry-After: ${"9".repeat(1_000_000)}`)),
  },
  {
    name: "a-retry-after-of-thousands-of-digits",
    outcomes: ["RateLimited"],
    status: 429,
    answer: (socket) => socket.end(whole(429, "{}", `Retry-After: ${"9".repeat(4000)}`)),
  },
  {
    name: "json-nested-deep",
    outcomes: ["UnexpectedResponse"],
    status: 200,
    answer: (socket) => socket.end(whole(200, key("[".repeat(1e6) + "]".repeat(1e6)))),
  },
  {
    name: "objects-nested-deep-in-an-error",
    outcomes: ["InvalidRequest"],
    status: 400,
    answer: (socket) =>
      socket.end(
        whole(400, `{"message":"m","details":[${'{"a":'.repeat(2e5)}1${"}".repeat(2e5)}]}`),
      ),
  },
  {
    name: "an-error-full-of-details",
    outcomes: ["InvalidRequest"],
    status: 400,
    answer: (socket) =>
      socket.end(
        whole(400, `{"message":"m","details":[${Array(300_000).fill('{"a":"bcdefghij"}')}]}`),
      ),
  },
  {
    name: "an-error-full-of-secrets",
    outcomes: ["InvalidRequest"],
    status: 400,
    answer: (socket) =>
      socket.end(
        whole(
          400,
          JSON.stringify({
            message: "m",
            details: Array.from({ length: 200_000 }, (_, i) => `CCDB1_a_${i}abcdefghijklmnopq`),
          }),
        ),
      ),
  },
  {
    name: "members-that-are-prototypes",
    outcomes: ["ok"],
    keyName: "n",
    answer: (socket) =>
      socket.end(
        whole(
          200,
          key(
            '"n","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1',
          ),
        ),
      ),
  },
  {
    name: "prototypes-in-place-of-members",
    outcomes: ["UnexpectedResponse"],
    status: 200,
    answer: (socket) => socket.end(whole(200, `{"__proto__":${key('"n"')}}`)),
  },
  {
    name: "members-twice",
    outcomes: ["ok"],
    keyName: "last",
    answer: (socket) => socket.end(whole(200, key('"first","name":7,"name":"last"'))),
  },
  {
    name: "invalid-utf-8",
    outcomes: ["ok"],
    keyName: "a\ufffdb",
    answer: (socket) => {
      const [before, after] = key('"a?b"').split("?")
      socket.end(
        whole(
          200,
          Buffer.concat([Buffer.from(before ?? ""), Buffer.from([0xff]), Buffer.from(after ?? "")]),
        ),
      )
    },
  },
  {
    name: "utf-16",
    outcomes: ["UnexpectedResponse"],
    status: 200,
    answer: (socket) => socket.end(whole(200, Buffer.from(key('"n"'), "utf16le"))),
  },
  {
    name: "nan",
    outcomes: ["UnexpectedResponse"],
    status: 200,
    answer: (socket) => socket.end(whole(200, key("NaN"))),
  },
  {
    name: "a-huge-number",
    outcomes: ["UnexpectedResponse"],
    status: 200,
    answer: (socket) => socket.end(whole(200, key("1e999999"))),
  },
  {
    name: "signs-that-terminals-act-upon-in-a-name",
    outcomes: ["ok"],
    keyName: "\u001b[2J\u202e\0",
    answer: (socket) => socket.end(whole(200, key('"\\u001b[2J\\u202e\\u0000"'))),
  },
  {
    name: "signs-that-terminals-act-upon-in-a-message",
    outcomes: ["Forbidden"],
    status: 403,
    says: /: \\u\{1b\}\[2J\\u\{202e\}\\u\{0\}\\u\{a\}end\)/,
    answer: (socket) =>
      socket.end(whole(403, '{"message":"\\u001b[2J\\u202e\\u0000\\nend","details":["\\u001b"]}')),
  },
  {
    name: "a-long-message",
    outcomes: ["Forbidden"],
    status: 403,
    says: /: (?:y ){250}…\)/,
    answer: (socket) => socket.end(whole(403, `{"message":"${"y ".repeat(100_000)}"}`)),
  },
  {
    name: "a-connection-that-stays-open",
    outcomes: ["ok"],
    answer: (socket) => {
      const body = key('"n"')
      socket.write(`${openHead(200, `Content-Length: ${body.length}`)}${body}`)
    },
  },
  {
    name: "and-breaks-when-it-is-used-for-a-create",
    operation: "createApiKey",
    outcomes: ["TransportError"],
    says: /The change may have been made/,
    // Only a reused connection proves anything. On a new one the answer is another.
    answer: (socket) =>
      socket.bytesWritten > 0 ? socket.destroy() : void socket.end(whole(500, "{}")),
  },
]

/** The server, and what it has seen. */
export interface HostileServer {
  readonly port: number
  /** The request lines, in order. */
  readonly requests: ReadonlyArray<string>
  /** How many connections the other port got. */
  readonly strays: () => number
  /** How many connections are open. */
  readonly open: () => number
  readonly close: () => Promise<void>
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on TCP has an AddressInfo.
      resolve((server.address() as AddressInfo).port)
    })
  )

/** Serves each case under the path that begins with its name. */
export const serveHostile = async (
  cases: ReadonlyArray<HostileCase>,
): Promise<HostileServer> => {
  const byName = new Map(cases.map((one) => [one.name, one]))
  const sockets = new Set<Socket>()
  const requests: Array<string> = []
  let strays = 0
  const other = createServer((socket) => {
    strays++
    socket.destroy()
  })
  const ports = { own: 0, other: await listen(other) }
  const own = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    let received = ""
    socket.on("data", (data) => {
      received += data.toString("latin1")
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
      const end = received.indexOf("\r\n\r\n")
      if (end < 0 || received.length < end + 4 + length) return
      const line = received.slice(0, received.indexOf("\r\n"))
      received = ""
      requests.push(line)
      byName.get(line.split(/[ /]+/)[1] ?? "")?.answer(socket, ports)
    })
  })
  ports.own = await listen(own)
  return {
    port: ports.own,
    requests,
    strays: () => strays,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([own, other].map((server) => new Promise((done) => server.close(done))))
    },
  }
}
