/**
 * A stand-in for AWS Secrets Manager with its documented rules: JSON 1.1, labels that move from
 * version to version, tokens that make a write idempotent, and reads that lag.
 */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager"
import { type Answer, type Received, serve } from "./serve.ts"

interface Secret {
  readonly versions: Map<string, string | undefined>
  readonly labels: Map<string, string>
  isMarkedForDeletion: boolean
  /** By how many milliseconds reads lag. */
  lag: number
}

export interface SecretsManager {
  readonly client: SecretsManagerClient
  readonly secret: Secret
  /** Resolves when the client of a held answer has gone. */
  readonly left: Promise<void>
  readonly close: () => Promise<void>
  /** Changes answers: `obey` gives the answer that follows the rules. */
  disturb: (operation: string, obey: () => Answer) => Answer
}

const refuse = (type: string, message: string): Answer => ({
  status: 400,
  body: { __type: type, Message: message },
})

const notFound = (what: string) =>
  refuse("ResourceNotFoundException", `Secrets Manager can't find the specified ${what}.`)

/** Starts it with one secret, `billing`, that has no value. */
export const makeSecretsManager = async (): Promise<SecretsManager> => {
  const secret: Secret = {
    versions: new Map(),
    labels: new Map(),
    isMarkedForDeletion: false,
    lag: 0,
  }
  const moves: Array<
    { readonly at: number; readonly label: string; readonly from: string | undefined }
  > = []

  /** The version that a read finds under a label, given the lag. */
  const seen = (label: string) => {
    const missed = moves.find((move) => move.label === label && move.at > Date.now() - secret.lag)
    return missed === undefined ? secret.labels.get(label) : missed.from
  }

  const move = (label: string, to: string) => {
    const from = secret.labels.get(label)
    if (label === "AWSCURRENT" && from !== undefined) secret.labels.set("AWSPREVIOUS", from)
    moves.push({ at: Date.now(), label, from })
    secret.labels.set(label, to)
  }

  const put = (id: string, text: string, labels: ReadonlyArray<string>): Answer => {
    if (!/^.{32,64}$/.test(id)) return refuse("InvalidParameterException", "no ClientRequestToken")
    if (secret.versions.has(id)) {
      return secret.versions.get(id) === text
        ? { status: 200, body: { Name: "billing", VersionId: id } }
        : refuse("ResourceExistsException", "a version with this token exists")
    }
    // The first version always becomes the current one.
    const all = secret.versions.size === 0 ? new Set([...labels, "AWSCURRENT"]) : labels
    secret.versions.set(id, text)
    for (const label of all) move(label, id)
    return { status: 200, body: { Name: "billing", VersionId: id, VersionStages: [...all] } }
  }

  const update = (label: string, to: string, from: string | undefined): Answer => {
    if (!secret.versions.has(to)) return notFound("version")
    if (secret.labels.get(label) !== from) {
      return refuse("InvalidParameterException", "RemoveFromVersionId is not what has the label")
    }
    move(label, to)
    return { status: 200, body: { Name: "billing" } }
  }

  const obey = (operation: string, text: string): Answer => {
    const input: {
      readonly SecretId: string
      readonly VersionStage?: string
      readonly VersionStages?: ReadonlyArray<string>
      readonly MoveToVersionId?: string
      readonly RemoveFromVersionId?: string
      readonly ClientRequestToken?: string
      readonly SecretString?: string
    } = JSON.parse(text)
    if (input.SecretId !== "billing") return notFound("secret")
    if (operation === "DescribeSecret") return { status: 200, body: { Name: "billing" } }
    if (secret.isMarkedForDeletion) {
      return refuse(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
      )
    }
    if (operation === "PutSecretValue") {
      const { ClientRequestToken = "", SecretString = "", VersionStages = ["AWSCURRENT"] } = input
      return put(ClientRequestToken, SecretString, VersionStages)
    }
    const { MoveToVersionId = "", RemoveFromVersionId, VersionStage: label = "AWSCURRENT" } = input
    if (operation === "UpdateSecretVersionStage") {
      return update(label, MoveToVersionId, RemoveFromVersionId)
    }
    const id = seen(label)
    if (id === undefined) return notFound(`secret value for staging label: ${label}`)
    const SecretString = secret.versions.get(id)
    const value = SecretString === undefined ? { SecretBinary: "AAAA" } : { SecretString }
    return { status: 200, body: { Name: "billing", VersionId: id, ...value } }
  }

  const answer = ({ headers, method, path, text }: Received): Answer => {
    const [service, operation = ""] = String(headers["x-amz-target"]).split(".")
    const isCall = method === "POST" && path === "/" && service === "secretsmanager" &&
      headers["content-type"] === "application/x-amz-json-1.1"
    if (!isCall) return refuse("UnknownOperationException", "")
    if (!headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=id/")) {
      return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
    }
    return standIn.disturb(operation, () => obey(operation, text))
  }

  const { close, left, url } = await serve(answer)
  const client = new SecretsManagerClient({
    endpoint: url,
    region: "eu-central-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
  })
  const standIn: SecretsManager = {
    client,
    secret,
    disturb: (_, obey) => obey(),
    left,
    close: () => {
      client.destroy()
      return close()
    },
  }
  return standIn
}

/** The secret's value under a label. */
export const valueOf = ({ secret }: SecretsManager, label: string): string | undefined =>
  secret.versions.get(secret.labels.get(label) ?? "")
