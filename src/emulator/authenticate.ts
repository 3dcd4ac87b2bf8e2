/**
 * Finds the caller by the bearer token, and checks what the caller's role permits.
 *
 * @module
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { type Operation, operations } from "../operation.ts"
import type { Identifiers } from "./Identifiers.ts"
import type { JwtOptions } from "./Options.ts"
import type { Organization, Role } from "./Organization.ts"
import * as Reply from "./Reply.ts"

/** The sender of a request: a service account with one of its keys, or a user of a JWT. */
export type Caller =
  | {
    readonly _tag: "ServiceAccount"
    /** The id of the service account. */
    readonly id: string
    readonly role: Role
    /** The id of the key whose secret the request carries. */
    readonly apiKeyId: string
  }
  | {
    readonly _tag: "User"
    /** The username. */
    readonly id: string
    readonly role: Role
  }

const apiKeyIdLength = "CCDB1_".length + 22

const unauthenticated = (message: string) => Either.left(Reply.failure(401, message))

/** Finds the caller of a request, or answers why there is none. */
export const authenticate = (
  organization: Organization,
  identifiers: Identifiers,
  jwts: ReadonlyArray<JwtOptions>,
  vanityName: string,
) =>
(headers: Readonly<Record<string, string>>): Either.Either<Caller, Reply.Reply> => {
  const token = /^Bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1]
  if (token === undefined) return unauthenticated("a bearer token is required")
  const jwt = jwts.find((jwt) => jwt.token === token)
  if (jwt !== undefined) return userOf(jwt, vanityName, headers)
  const id = token.slice(0, apiKeyIdLength)
  return Either.fromOption(
    organization.find(id).pipe(
      Option.filter(() => identifiers.secretOf(id) === token),
      Option.flatMap((key) => organization.serviceAccount(key.serviceAccountId)),
      Option.map(({ id: accountId, role }): Caller => ({
        _tag: "ServiceAccount",
        id: accountId,
        role,
        apiKeyId: id,
      })),
    ),
    () => Reply.failure(401, "the bearer token does not belong to this organization"),
  )
}

const userOf = (
  jwt: JwtOptions,
  vanityName: string,
  headers: Readonly<Record<string, string>>,
): Either.Either<Caller, Reply.Reply> => {
  const given = headers["cc-vanity-name"]
  if (given === undefined) {
    return Either.left(Reply.failure(400, "Cc-Vanity-Name is required with a JWT"))
  }
  if (given !== vanityName) return unauthenticated("Cc-Vanity-Name is not this organization's")
  const username = headers["cc-username"]
  const users = jwt.users.filter((user) => username === undefined || user.username === username)
  const [user] = users
  return user !== undefined && users.length === 1
    ? Either.right({ _tag: "User", id: user.username, role: user.role })
    : unauthenticated("Cc-Username must name one of the identities of the JWT")
}

/** Lets an operation pass if the caller's role permits it. */
export const authorize = (
  { role }: Caller,
  operation: Operation,
): Either.Either<void, Reply.Reply> => {
  const roles: ReadonlyArray<Role> = operations[operation].roles
  return roles.includes(role) ? Either.void : Either.left(Reply.failure(
    403,
    `${operation} needs the role ${roles.join(" or ")} at the organization scope`,
  ))
}
