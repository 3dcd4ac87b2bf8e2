import { createServer } from "node:http"

const createdAt = Date.UTC(2025, 0, 1)

const key = (index: number) => ({
  id: `CCDB1_${String(index).padStart(22, "0")}`,
  name: `key ${index}`,
  service_account_id: "1234abcd-1234-1234-abcd-12345678abcd",
  created_at: new Date(createdAt + index * 1000).toISOString().replace("Z", "067Z"),
})

/** A page as the API writes it. */
export const pageBody = (first: number, size: number, next: string | undefined): string =>
  JSON.stringify({
    api_keys: Array.from({ length: size }, (_, index) => key(first + index)),
    pagination: { next_page: next },
  })

/** The settings of a walk. */
export interface Setting {
  readonly baseUrl: string
  readonly token: string
  readonly pageSize: number
}

/** Serves `keys` made-up keys while `use` runs. */
export const withPages = async <A>(
  keys: number,
  pageSize: number,
  use: (setting: Setting) => Promise<A>,
): Promise<A> => {
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "", "http://localhost").searchParams
    const first = Number(query.get("pagination.page") ?? 0)
    const end = first + pageSize
    const body = pageBody(first, pageSize, end < keys ? String(end) : undefined)
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    })
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("a TCP port was asked for")
    return await use({ baseUrl: `http://127.0.0.1:${address.port}`, token: "bench", pageSize })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
