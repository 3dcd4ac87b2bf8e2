/**
 * An HTTP server on loopback that stands in for a secret manager.
 */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Lost: the connection breaks after the server has acted. Held: the answer never comes. */
export type Answer = { readonly status: number; readonly body: unknown } | "lost" | "held"

export interface Served {
  readonly url: string
  /** Resolves when the client of a held answer has gone. */
  readonly left: Promise<void>
  readonly close: () => Promise<void>
}

export const serve = async (answer: (received: Received) => Answer): Promise<Served> => {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const server = createServer(async (request, response) => {
    let text = ""
    for await (const chunk of request.setEncoding("utf8")) text += chunk
    const { headers, method = "", url: path = "" } = request
    const answered = answer({ method, path, headers, text })
    if (answered === "held") {
      request.socket.once("close", leave)
      return
    }
    if (answered === "lost") return request.socket.destroy()
    const { body, status } = answered
    response.writeHead(status, { "content-type": "application/json" })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    left,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
