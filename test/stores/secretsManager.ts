/**
 * A stand-in for AWS Secrets Manager that keeps its documented rules: JSON 1.1, versions that the
 * labels AWSCURRENT and AWSPREVIOUS move over, tokens that make a write idempotent.
 */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager"
import { type Answer, type Received, serve } from "./serve.ts"

interface Secret {
  readonly versions: Map<string, string | undefined>
  readonly labels: Map<string, string>
  isMarkedForDeletion: boolean
}

export interface SecretsManager {
  readonly client: SecretsManagerClient
  readonly secret: Secret
  /** Ends when whoever waits for a held answer has gone. */
  readonly left: Promise<void>
  readonly close: () => Promise<void>
  /** Answers in place of the rules, where it has one. */
  disturb: (operation: string, obey: () => Answer) => Answer
}

const refuse = (type: string, message: string): Answer => ({
  status: 400,
  body: { __type: type, Message: message },
})

const notFound = (what: string) =>
  refuse("ResourceNotFoundException", `Secrets Manager can't find the specified ${what}.`)

/** Has one secret, `billing`, without a value. */
export const makeSecretsManager = async (): Promise<SecretsManager> => {
  const secret: Secret = { versions: new Map(), labels: new Map(), isMarkedForDeletion: false }

  const put = (id: string, text: string): Answer => {
    if (!/^.{32,64}$/.test(id)) return refuse("InvalidParameterException", "no ClientRequestToken")
    if (secret.versions.has(id)) {
      return secret.versions.get(id) === text
        ? { status: 200, body: { Name: "billing", VersionId: id } }
        : refuse("ResourceExistsException", "a version with this token exists")
    }
    const current = secret.labels.get("AWSCURRENT")
    if (current !== undefined) secret.labels.set("AWSPREVIOUS", current)
    secret.versions.set(id, text)
    secret.labels.set("AWSCURRENT", id)
    return { status: 200, body: { Name: "billing", VersionId: id, VersionStages: ["AWSCURRENT"] } }
  }

  const obey = (operation: string, text: string): Answer => {
    const input: {
      readonly SecretId: string
      readonly VersionStage?: string
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
      return put(input.ClientRequestToken ?? "", input.SecretString ?? "")
    }
    const { VersionStage: label = "AWSCURRENT" } = input
    const id = secret.labels.get(label)
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

/** What the secret holds under a label. */
export const valueOf = ({ secret }: SecretsManager, label: string): string | undefined =>
  secret.versions.get(secret.labels.get(label) ?? "")
