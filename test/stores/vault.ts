/**
 * A stand-in for a KV version 2 secrets engine of HashiCorp Vault with its rules: versions, deleted
 * and destroyed ones, check-and-set, and permissions.
 */
import { type Answer, type Received, serve } from "./serve.ts"

interface Version {
  readonly data: Readonly<Record<string, unknown>>
  state: "live" | "deleted" | "destroyed"
  readonly at?: number
}

export interface Vault {
  readonly url: string
  readonly token: string
  /** The versions of the entry `billing`. The last is the current one. */
  readonly versions: Array<Version>
  /** By how many milliseconds reads lag. */
  lag: number
  /** Whether a write without check-and-set is refused. */
  casRequired: boolean
  /** Changes answers: `obey` gives the answer that follows the rules. */
  disturb: (method: string, obey: () => Answer) => Answer
  /** Resolves when the client of a held answer has gone. */
  readonly left: Promise<void>
  readonly close: () => Promise<void>
}

const refuse = (status: number, ...errors: ReadonlyArray<string>): Answer => ({
  status,
  body: { errors },
})

const metadata = (version: number, state: Version["state"]) => ({
  version,
  created_time: "2026-01-01T00:00:00Z",
  deletion_time: state === "deleted" ? "2026-01-02T00:00:00Z" : "",
  destroyed: state === "destroyed",
  custom_metadata: null,
})

/** Starts it with an engine at `secret` that has no entry. */
export const makeVault = async (): Promise<Vault> => {
  const token = "hvs.of-the-rotation"
  const versions: Array<Version> = []

  const read = (): Answer => {
    const seen = versions.filter(({ at = 0 }) => at <= Date.now() - standIn.lag)
    const current = seen.at(-1)
    if (current === undefined) return refuse(404)
    const isLive = current.state === "live"
    return {
      status: isLive ? 200 : 404,
      body: {
        request_id: "1",
        data: {
          data: isLive ? current.data : null,
          metadata: metadata(seen.length, current.state),
        },
      },
    }
  }

  const write = (text: string): Answer => {
    const { data, options = {} }: {
      readonly data?: Version["data"]
      readonly options?: { readonly cas?: number }
    } = JSON.parse(text)
    if (data === undefined) return refuse(400, "no data provided")
    if (options.cas === undefined && standIn.casRequired) {
      return refuse(400, "check-and-set parameter required for this call")
    }
    if (options.cas !== undefined && options.cas !== versions.length) {
      return refuse(400, "check-and-set parameter did not match the current version")
    }
    versions.push({ data, state: "live", at: Date.now() })
    return { status: 200, body: { request_id: "1", data: metadata(versions.length, "live") } }
  }

  const answer = ({ headers, method, path, text }: Received): Answer => {
    const shown = headers["x-vault-token"] ?? headers.authorization?.replace(/^Bearer /, "")
    return standIn.disturb(method, () => {
      if (shown !== token) return refuse(403, "permission denied")
      if (!path.startsWith("/v1/secret/data/")) {
        return refuse(404, `no handler for route "${path.slice(4)}". route entry not found.`)
      }
      if (path !== "/v1/secret/data/billing") return refuse(403, "permission denied")
      return method === "GET" ? read() : write(text)
    })
  }

  const { close, left, url } = await serve(answer)
  const standIn: Vault = {
    url: `${url}/v1/secret/data/billing`,
    token,
    versions,
    lag: 0,
    casRequired: false,
    disturb: (_, obey) => obey(),
    left,
    close,
  }
  return standIn
}

/** The entry's secret. */
export const secretOf = ({ versions }: Vault): unknown => {
  const current = versions.at(-1)
  return current?.state === "live" ? current.data["secret"] : undefined
}
