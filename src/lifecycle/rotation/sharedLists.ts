/**
 * Makes one list of a service account's keys for all rotations that wait for one.
 *
 * A list serves the rotations that asked for it before it began. So it shows all that they must
 * see. It begins when as many rotations wait as the last list had pages. So it costs each rotation
 * one request at most, however many keys there are. It also begins when no other rotation can come,
 * or when it has waited long enough. It holds no turn while it waits, so the other rotations can
 * work.
 *
 * @module
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ApiKeyError } from "../../ApiKeyError.ts"
import { type Line, makeLine } from "../../waiting/line.ts"
import type { Restore } from "../onUnseenEnd.ts"
import type { Around } from "./Around.ts"
import type { ListAccount, Listed } from "./listAccount.ts"

/** The lists of several service accounts. Each serves many rotations. */
export interface SharedLists {
  /** Lists a service account's keys, once for all that ask before the list begins. */
  readonly list: ListAccount
  /** Surrounds a rotation. A list may wait for it from its beginning to its end. */
  readonly expecting: (serviceAccountId: string) => Around
  /** Run it when no more rotations will begin. */
  readonly expectNoMore: Effect.Effect<void>
}

interface Account {
  /** Rotations that have not ended. */
  unfinished: number
  /** How many pages its last list had. */
  pages: number
  isListing: boolean
  /** The rotations that wait for the next list. */
  gathering: Gathering | undefined
  /** Allows one list at a time. */
  readonly line: Line
}

interface Gathering {
  size: number
  readonly isEnough: Deferred.Deferred<void>
  readonly listed: Deferred.Deferred<Listed, ApiKeyError>
}

// Pages of 100 hold 20,000 keys in 200 pages. At the API's rate, 200 rotations come by in less than
// this.
const patience = "1 minute"

/** Shares lists between rotations. Each list takes one of their turns. */
export const makeSharedLists = (listAccount: ListAccount, inTurn: Around): SharedLists => {
  const accounts = new Map<string, Account>()
  let isMoreExpected = true

  const accountOf = (id: string): Account => {
    const known = accounts.get(id)
    if (known !== undefined) return known
    const account = {
      unfinished: 0,
      pages: 1,
      isListing: false,
      gathering: undefined,
      line: makeLine(),
    }
    accounts.set(id, account)
    return account
  }

  const beginIfEnough = ({ gathering, isListing, pages, unfinished }: Account): void => {
    // The list that is under way will show how many are enough.
    if (gathering === undefined || isListing) return
    const { isEnough, size } = gathering
    if (size >= pages || !isMoreExpected && size >= unfinished) {
      Deferred.unsafeDone(isEnough, Effect.void)
    }
  }

  const join = (account: Account, gathering: Gathering) => {
    gathering.size++
    beginIfEnough(account)
    return Deferred.await(gathering.listed)
  }

  /** The first to come makes the list for all. */
  const lead = (id: string, account: Account, gathering: Gathering, restore: Restore) => {
    account.gathering = gathering
    beginIfEnough(account)
    const close = Effect.sync(() => {
      if (account.gathering === gathering) account.gathering = undefined
    })
    const list = Effect.acquireUseRelease(
      Effect.zipRight(close, Effect.sync(() => account.isListing = true)),
      () =>
        Effect.map(listAccount(id), (listed) => {
          account.pages = listed.pages
          return listed
        }),
      () =>
        Effect.sync(() => {
          account.isListing = false
          beginIfEnough(account)
        }),
    )
    return Effect.timeoutOption(Deferred.await(gathering.isEnough), patience).pipe(
      Effect.zipRight(inTurn(list)),
      account.line.turn,
      restore,
      Effect.onExit((exit) => Effect.zipRight(close, Deferred.done(gathering.listed, exit))),
    )
  }

  return {
    list: (id) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const account = accountOf(id)
          if (account.gathering !== undefined) return restore(join(account, account.gathering))
          const gathering: Gathering = {
            size: 1,
            isEnough: Deferred.unsafeMake(FiberId.none),
            listed: Deferred.unsafeMake(FiberId.none),
          }
          return lead(id, account, gathering, restore)
        })
      ),
    expecting: (id) => (rotation) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const account = accountOf(id)
          account.unfinished++
          return account
        }),
        () => rotation,
        (account) =>
          Effect.sync(() => {
            account.unfinished--
            beginIfEnough(account)
          }),
      ),
    expectNoMore: Effect.sync(() => {
      isMoreExpected = false
      for (const account of accounts.values()) beginIfEnough(account)
    }),
  }
}
