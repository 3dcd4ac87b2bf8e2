/**
 * The store, the API and any number of runs as plain data. The decisions act on it one atomic
 * operation at a time, without effects.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import { type ApiKey, ApiKeyId, ServiceAccountId } from "../../../src/ApiKey.ts"
import { indexKeys, keysAbout, unseenBy } from "../../../src/lifecycle/rotation/keyIndex.ts"
import { formatMarked } from "../../../src/lifecycle/mark.ts"
import {
  nextStep,
  type Plan,
  type Run,
  type Step,
  type View,
} from "../../../src/lifecycle/rotation/decide.ts"

export const minute = 60_000
export const account = ServiceAccountId("1234abcd-1234-1234-abcd-12345678abcd")

export interface World {
  now: number
  held: Option.Option<ApiKeyId>
  keys: ReadonlyArray<ApiKey>
  made: number
  readonly everHeld: Set<string>
  /** Whether a run's first create gets no answer, so that it makes another. Never by default. */
  readonly loses?: () => boolean
  /** By how many milliseconds lists lag, and the keys of the past. By default lists do not lag. */
  readonly lists?: { readonly lag: number; readonly past: Array<Moment> }
  /** Names of keys whose creates are lost, but may still arrive. */
  arriving?: ReadonlyArray<string>
}

/** The keys from some time on. */
export interface Moment {
  readonly at: number
  readonly keys: ReadonlyArray<ApiKey>
}

/** Records the keys for lists that lag. */
const remember = ({ keys, lists, now }: World): void => {
  if (lists !== undefined && lists.past.at(-1)?.keys !== keys) lists.past.push({ at: now, keys })
}

const listOf = ({ keys, lists, now }: World): ReadonlyArray<ApiKey> =>
  lists === undefined
    ? keys
    : (lists.past.findLast(({ at }) => at <= now - lists.lag) ?? lists.past[0])?.keys ?? keys

/** A run: what it knows, and the step that it has decided on and not done yet. */
export interface Runner {
  readonly name: string
  readonly plan: Plan
  view: Omit<View, "now">
  run: Run
  gone: Set<ApiKeyId>
  pending: Step | undefined
  /** The list that it waits for, which may be old when it comes, like a shared one. */
  listed: ReadonlyArray<ApiKey> | undefined
  ended: "Done" | "Fail" | "Killed" | "Waiting" | undefined
  /** When the next run should go on, if this one ended in waiting. */
  until: number | undefined
  writes: number
  /** Keys that it made although the store no longer held the key to replace. */
  madeLate: ReadonlyArray<string>
}

export const plan: Plan = {
  target: Option.none(),
  first: Option.none(),
  grace: 0,
  lease: 10 * minute,
  olderThan: undefined,
  onWait: "sleep",
}

export const start = (name: string, wanted: Plan = plan): Runner => ({
  name,
  plan: wanted,
  view: {
    held: Option.none(),
    heldSince: 0,
    keys: Option.toArray(wanted.target),
    listed: false,
  },
  gone: new Set(),
  run: {
    made: Option.none(),
    doubtful: [],
    proven: Option.none(),
    refusals: 0,
    rereads: 0,
    finished: false,
  },
  pending: undefined,
  listed: undefined,
  ended: undefined,
  until: undefined,
  writes: 0,
  madeLate: [],
})

export const makeKey = (world: World, id: string, name: string, age = 0): ApiKey => {
  const key: ApiKey = {
    id: ApiKeyId(id),
    name,
    serviceAccountId: account,
    createdAt: DateTime.unsafeMake(world.now - age),
  }
  world.keys = [...world.keys, key]
  return key
}

/** Lets a lost create arrive. */
export const arrive = (world: World): void => {
  const [name, ...rest] = world.arriving ?? []
  if (name === undefined) return
  world.arriving = rest
  makeKey(world, `late${name.slice(-9, -1)}`, name)
}

/** Lets a run read the store and decide, or, in the next call, do what it has decided. */
export const tick = (world: World, runner: Runner): Step | undefined => {
  remember(world)
  const step = advance(world, runner)
  remember(world)
  return step
}

const advance = (world: World, runner: Runner): Step | undefined => {
  if (runner.ended !== undefined) return undefined
  if (runner.pending !== undefined) {
    const step = runner.pending
    const held = runner.view.keys.find(({ id }) => Option.contains(runner.view.held, id))
    if (step._tag === "Look" && held !== undefined && runner.listed === undefined) {
      runner.listed = listOf(world)
      return undefined
    }
    runner.pending = undefined
    carryOut(world, runner, step)
    return step
  }
  if (Option.getOrUndefined(world.held) !== Option.getOrUndefined(runner.view.held)) {
    const isOwn = Option.exists(
      runner.run.made,
      ({ id }) => Option.contains(world.held, id),
    )
    runner.view = { ...runner.view, held: world.held, heldSince: world.now, listed: false }
    runner.run = {
      ...runner.run,
      refusals: 0,
      rereads: 0,
      proven: isOwn ? runner.run.proven : Option.none(),
    }
  }
  runner.pending = nextStep(runner.plan, { ...runner.view, now: world.now }, runner.run)
  return undefined
}

const setOwn = (runner: Runner, state: "written" | "deleted") => {
  runner.run = {
    ...runner.run,
    made: Option.map(runner.run.made, (own) => ({ ...own, state })),
  }
}

const carryOut = (world: World, runner: Runner, step: Step): void => {
  const live = (id: ApiKeyId) => world.keys.find((key) => key.id === id)
  switch (step._tag) {
    case "Look": {
      const id = Option.getOrThrow(runner.view.held)
      const known = runner.view.keys.find((key) => key.id === id)
      if (known !== undefined) {
        const { doubtful, made } = runner.run
        const viewpoint = { held: known, target: runner.plan.target, own: made, doubtful }
        const index = indexKeys(runner.listed ?? listOf(world))
        runner.listed = undefined
        const shown = keysAbout(index, viewpoint).filter(({ id }) => !runner.gone.has(id))
        const got = unseenBy(index, viewpoint).flatMap((id) => live(id) ?? [])
        const keys = new Map([...shown, ...got].map((key) => [key.id, key]))
        runner.view = { ...runner.view, keys: [...keys.values()], listed: true }
        return
      }
      const held = live(id)
      const beside = held === undefined || runner.plan.onWait === "sleep"
        ? []
        : unseenBy(indexKeys([held]), { held, target: Option.none(), own: Option.none() })
      runner.view = {
        ...runner.view,
        keys: [...held === undefined ? [] : [held], ...beside.flatMap((id) => live(id) ?? [])],
        listed: held === undefined,
      }
      return
    }
    case "Make": {
      const nextName = () => {
        world.made += 1
        const nonce = String(world.made).padStart(8, "0")
        const mark = Option.match(step.predecessor, {
          onNone: () => ({ _tag: "First", nonce }) as const,
          onSome: (predecessor) => ({ _tag: "Rotates", predecessor, nonce }) as const,
        })
        return formatMarked(step.name, mark)
      }
      if (world.loses?.() === true) {
        const name = nextName()
        world.arriving = [...(world.arriving ?? []), name]
        runner.run = { ...runner.run, doubtful: [{ id: Option.none(), name }] }
      }
      const name = nextName()
      const key = makeKey(world, `${runner.name}${world.made}`, name)
      if (Option.getOrUndefined(world.held) !== Option.getOrUndefined(runner.view.held)) {
        runner.madeLate = [key.id]
      }
      runner.view = { ...runner.view, keys: [...runner.view.keys, key], listed: false }
      runner.run = {
        ...runner.run,
        made: Option.some({
          id: key.id,
          before: runner.view.held,
          sentAt: world.now,
          state: "unwritten",
        }),
      }
      return
    }
    case "Prove":
      runner.run = live(step.id) === undefined
        ? { ...runner.run, refusals: runner.run.refusals + 1 }
        : { ...runner.run, proven: Option.some(step.id) }
      return
    case "Write": {
      const { id } = Option.getOrThrow(runner.run.made)
      world.held = Option.some(id)
      runner.writes += 1
      setOwn(runner, "written")
      return
    }
    case "Reread":
      runner.run = { ...runner.run, rereads: runner.run.rereads + 1 }
      return
    case "Wait":
      if (runner.plan.onWait === "return") {
        runner.ended = "Waiting"
        runner.until = step.until
        return
      }
      if (world.now < step.until) {
        runner.pending = step
        return
      }
      runner.view = { ...runner.view, listed: false }
      return
    case "Delete": {
      const gone = live(step.id)
      runner.run = {
        ...runner.run,
        doubtful: runner.run.doubtful.filter(({ name }) => name !== gone?.name),
      }
      world.keys = world.keys.filter((key) => key.id !== step.id)
      runner.gone.add(step.id)
      runner.view = {
        ...runner.view,
        keys: runner.view.keys.filter((key) => key.id !== step.id),
      }
      if (Option.exists(runner.run.made, ({ id }) => id === step.id)) setOwn(runner, "deleted")
      return
    }
    case "Unmark": {
      const found = live(step.id) !== undefined
      const renamed = (keys: ReadonlyArray<ApiKey>) =>
        keys.map((key) => key.id === step.id ? { ...key, name: step.name } : key)
      world.keys = renamed(world.keys)
      runner.run = { ...runner.run, finished: true }
      runner.view = {
        ...runner.view,
        keys: found
          ? renamed(runner.view.keys)
          : runner.view.keys.filter((key) => key.id !== step.id),
        listed: runner.view.listed && found,
      }
      return
    }
    case "Done":
    case "Fail":
      runner.ended = step._tag
      // Like rotate when it fails, since nobody has the secret of a key that was never written.
      if (Option.exists(runner.run.made, ({ state }) => state === "unwritten")) {
        const { id } = Option.getOrThrow(runner.run.made)
        world.keys = world.keys.filter((key) => key.id !== id)
      }
  }
}

/** A step in a word or two. */
export const show = (world: World, step: Step): string => {
  switch (step._tag) {
    case "Delete":
    case "Prove":
    case "Unmark":
      return `${step._tag} ${step.id}`
    case "Make":
      return `Make for ${Option.getOrElse(step.predecessor, () => "nothing")}`
    case "Wait":
      return `Wait ${step.reason} ${Math.round((step.until - world.now) / minute * 10) / 10}`
    case "Fail":
      return `Fail ${step.obstacle}`
    case "Done":
      return `Done left ${step.leftBehind.map(({ id }) => id).join(" ") || "nothing"}`
    default:
      return step._tag
  }
}
