/**
 * The service accounts and keys that an organization begins with.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Identifiers } from "./Identifiers.ts"
import * as Microseconds from "./microseconds.ts"
import type { ApiKeyOptions, EmulatorOptions, ServiceAccountOptions } from "./Options.ts"
import type { Organization, Role, ServiceAccount, StoredKey } from "./Organization.ts"

/** The keys of the three service accounts that every organization has. */
export interface Seeded {
  readonly admin: StoredKey
  readonly clusterAdmin: StoredKey
  readonly withoutRole: StoredKey
}

const oneSecond = 1_000_000

/**
 * Fills an organization. By default all keys were made before now, the newest a second ago. Fails
 * if a key's service account does not exist.
 */
export const seed = (
  organization: Organization,
  identifiers: Identifiers,
  options: EmulatorOptions,
  now: Microseconds.Microseconds,
): Either.Either<Seeded, string> => {
  const addAccount = (account: ServiceAccountOptions, name: string): ServiceAccount =>
    organization.addServiceAccount({
      id: account.id ?? identifiers.uuid(),
      name: account.name ?? name,
      role: account.role ?? "NONE",
    })

  const keys: ReadonlyArray<ApiKeyOptions> = list(options.keys, {})
  const total = keys.length + 3
  const ageOf = ages(total, options.oldest)
  let turn = 0
  const addKey = (key: ApiKeyOptions, name: string, serviceAccountId: string): StoredKey => {
    // Draws even if the age is given: a seed's ids must not depend on the ages of the keys.
    const createdAt = now - ageOf(turn, identifiers.below(oneSecond))
    turn += 1
    return organization.create({
      name: key.name ?? name,
      serviceAccountId: key.serviceAccountId ?? serviceAccountId,
      now,
      createdAt: key.createdAt === undefined ? createdAt : Microseconds.fromDateTime(key.createdAt),
      by: Option.none(),
    })
  }

  const caller = (name: string, role: Role): StoredKey =>
    addKey({}, `${name} key`, addAccount({ role }, name).id)
  const seeded = {
    admin: caller("admin", "ORG_ADMIN"),
    clusterAdmin: caller("cluster admin", "CLUSTER_ADMIN"),
    withoutRole: caller("without role", "NONE"),
  }

  const accounts = list<ServiceAccountOptions>(options.serviceAccounts, {}).map(
    (account, index) => addAccount(account, `service account ${index + 1}`).id,
  )
  for (const [index, key] of keys.entries()) {
    const problem = ownerProblem(organization, key)
    if (problem !== undefined) return Either.left(`options.keys[${index}].${problem}`)
    const account = accounts[index % accounts.length] ?? seeded.withoutRole.serviceAccountId
    addKey(key, `key ${index + 1}`, account)
  }
  return Either.right(seeded)
}

/** Says what is wrong with a key's service account. Undefined if the account exists. */
export const ownerProblem = (
  organization: Organization,
  { serviceAccountId: id }: ApiKeyOptions,
): string | undefined =>
  id === undefined || Option.isSome(organization.serviceAccount(id))
    ? undefined
    : `serviceAccountId must be the id of a service account, and none has ${id}`

/** The age of each turn's key, in microseconds. The callers' keys take the first three turns. */
const ages = (
  total: number,
  oldest: Duration.DurationInput | undefined,
): (turn: number, fraction: number) => Microseconds.Microseconds => {
  // Not on the full second: tests then find a program that drops the microseconds.
  if (oldest === undefined) return (turn, fraction) => (total - turn) * oneSecond - fraction
  const range = Duration.toMillis(oldest) * 1000 - oneSecond
  // Here the callers' keys are the youngest: a list begins with the first of the other keys.
  return (turn) => oneSecond + Math.round(range * (1 - ((turn + total - 3) % total) / (total - 1)))
}

const list = <A>(given: number | ReadonlyArray<A> | undefined, item: A): ReadonlyArray<A> =>
  typeof given === "number" ? Array.from({ length: given }, () => item) : given ?? []
