/**
 * Serves the web handler on Deno or Bun, calls it through a socket under one fault after another,
 * and prints what the client saw.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Emulator from "../../src/emulator/mod.ts"

/** The runtime that this program runs on. */
interface Runtime {
  readonly Deno?: {
    serve(
      options: { readonly port: number; readonly hostname: string; readonly onListen: () => void },
      handler: (request: Request) => Promise<Response>,
    ): { readonly addr: { readonly port: number } }
    exit(): never
  }
  readonly Bun?: {
    serve(options: {
      readonly port: number
      readonly hostname: string
      readonly fetch: (request: Request) => Promise<Response>
    }): { readonly port: number }
  }
}

// These types follow the runtimes' documentation. Each part may be absent.
const { Bun, Deno } = globalThis as Runtime

const emulator = await Effect.runPromise(Emulator.make({
  rateLimit: "none",
  faults: [
    { calls: 2, fault: { _tag: "DropBefore" } },
    { calls: 3, fault: { _tag: "DropAfter" } },
    { calls: 4, fault: { _tag: "TruncateBody" } },
    { calls: 5, fault: { _tag: "DripBody", every: 1 } },
  ],
}))
const at = { port: 0, hostname: "127.0.0.1" }
const handler = emulator.webHandler
const port = Deno
  ? Deno.serve({ ...at, onListen: () => {} }, handler).addr.port
  : Bun?.serve({ ...at, fetch: handler }).port

const ask = async () => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/api-keys`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${Redacted.value(emulator.admin.secret)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ name: "ci", service_account_id: emulator.admin.serviceAccountId }),
    })
    return response.text().then(() => "answered", () => "broken off")
  } catch {
    return "broken off"
  }
}

const met: Array<string> = []
for (let call = 1; call <= 5; call += 1) {
  const before = (await Effect.runPromise(emulator.history)).length
  const outcome = await ask()
  const after = (await Effect.runPromise(emulator.history)).length
  met.push(`${outcome}, ${after - before} made`)
}
console.log(JSON.stringify(met))
if (Deno) Deno.exit()
else process.exit()
