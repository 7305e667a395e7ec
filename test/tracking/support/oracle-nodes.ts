// A channel and a sink that only tests use, loaded into Node-RED beside the palette and run by its own runtime. The
// channel looks, at the moment of each commit, whether everything that it commits has been written.
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import type { ChannelComponent, SinkComponent } from "../../../lib/engine/component.js";
import type { Channel, Consumer, Prepared, Take } from "../../../lib/engine/contracts.js";
import { createEvent } from "../../../lib/engine/event.js";
import type * as FlowRuntimeModule from "../../../lib/palette/runtime/flow-runtime.js";
import type * as RegisterModule from "../../../lib/palette/runtime/register.js";
import type * as GuardsModule from "../../../lib/palette/runtime/tracking/guards.js";
import type { NodeDefinition, NodeMessage, NodeRed, RedNode } from "../../../lib/palette/runtime/node-red.js";
import { root } from "../../support/machine.js";
import type { Feed, Misbehaviour, OracleReport } from "./oracle.js";

const runtimeFile = (name: string): string => join(root, "dist", "lib", "palette", "runtime", `${name}.js`);

/** How often each event was written, by its id. */
const written = new Map<string, number>();
/** What the last runs of the sinks saw, by the id of the sink. */
const sinks = new Map<string, Map<string, number>>();

const idsIn = (text: string): string[] => text.match(/\b[\w.]+:\d+:\d+\b/g) ?? [];

/** Holds batches that a test has fed; each take is one of them. */
class OracleChannel implements Channel {
  readonly id: string;
  readonly limits = { events: 1_000_000, bytes: Number.POSITIVE_INFINITY };
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly premature: string[] = [];
  readonly rolledBack: number[] = [];
  readonly committed: number[] = [];
  /** Batches whose events need not be written when they are committed: dropped by design. */
  drops = false;
  #expected: Feed["expected"];
  #queue: { number: number; batch: EventBatch }[] = [];
  #wake: (() => void) | undefined;
  #taken = 0;

  constructor(id: string) {
    this.id = id;
  }

  get size(): number {
    return this.#queue.reduce((size, { batch }) => size + batch.length, 0);
  }

  feed({ batches, size, drops = false, text = "{id}", expected }: Feed): void {
    this.drops = drops;
    this.#expected = expected;
    for (let number = 0; number < batches; number++) {
      const events = Array.from({ length: size }, (_, i) =>
        createEvent(Buffer.from(text.replaceAll("{id}", `${this.id}:${number}:${i}`).replaceAll("{i}", String(i)))),
      );
      this.#queue.push({ number, batch: batchOf(events) });
    }
    this.#wake?.();
  }

  /** At the commit of an event. */
  #look(id: string): void {
    if (!this.#expected) {
      if (!written.has(id)) this.premature.push(id);
      return;
    }
    for (const [sink, wanted] of Object.entries(this.#expected[id] ?? {})) {
      const times = sinks.get(sink)?.get(id) ?? 0;
      if (times < wanted) this.premature.push(`${id}: ${times} of ${wanted} at ${sink}`);
    }
  }

  start = () => Promise.resolve();
  stop = () => Promise.resolve();

  prepare(): Promise<Prepared> {
    return Promise.reject(new Error("nothing enters this channel"));
  }

  #giveBack(): void {
    this.#taken--;
    this.#wake?.();
  }

  connect({ maxLeases }: { maxLeases: number }): Consumer {
    return {
      take: (_max, signal) => this.#take(maxLeases, signal),
      close: () => Promise.resolve(),
    };
  }

  async #take(maxLeases: number, signal: AbortSignal): Promise<Take | undefined> {
    while (this.#queue.length === 0 || this.#taken >= maxLeases) {
      if (signal.aborted) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.#taken++;
    const next = this.#queue.shift() as { number: number; batch: EventBatch };
    return {
      batch: next.batch,
      lost: new AbortController().signal,
      commit: () => {
        this.#giveBack();
        this.committed.push(next.number);
        if (this.drops) return Promise.resolve();
        for (const event of next.batch) for (const id of idsIn(event.body.toString())) this.#look(id);
        return Promise.resolve();
      },
      rollback: () => {
        this.rolledBack.push(next.number);
        this.#queue.unshift(next);
        this.#giveBack();
        return Promise.resolve();
      },
    };
  }
}

const channels = new Map<string, OracleChannel>();

const channel: ChannelComponent = {
  type: "test-oracle-channel",
  role: "channel",
  flumeType: "test",
  properties: {},
  icon: "",
  outputs: 1,
  durability: "power-loss",
  create: (_config, { id }) => {
    const old = channels.get(id);
    if (old) return old;
    const made = new OracleChannel(id);
    channels.set(id, made);
    return made;
  },
};

const sink: SinkComponent = {
  type: "test-oracle-sink",
  role: "sink",
  flumeType: "test",
  properties: {},
  icon: "",
  outputs: 0,
  create: (_config, { id }) => ({
    batchSize: 100,
    maxInFlight: 1000,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    async write(batch) {
      await sleep(Math.random() * 4);
      const seen = sinks.get(id) ?? new Map<string, number>();
      sinks.set(id, seen);
      for (const event of batch) {
        const text = event.body.toString();
        if (text.includes("refuse")) throw new Error("the test says so");
        for (const one of idsIn(text)) {
          written.set(one, (written.get(one) ?? 0) + 1);
          seen.set(one, (seen.get(one) ?? 0) + 1);
        }
      }
    },
  }),
};

interface Request {
  readonly body: Feed & { readonly channel: string; readonly misbehaviour: Misbehaviour };
}

interface Hooks {
  add(name: string, hook: (event: unknown) => unknown): void;
  remove(name: string): void;
  has(name: string): boolean;
}

const HOOKS = ["onSend", "preRoute", "preDeliver", "onReceive", "onComplete"] as const;
const ALL_HOOKS = [...HOOKS, "postDeliver", "postReceive"];
let hooked = 0;
/** By hooks that only watch. */
const seen: string[] = [];

interface HookEvent {
  readonly msg: NodeMessage;
  readonly source?: { readonly id: string };
  readonly destination?: { readonly id: string };
  readonly node?: { readonly id: string };
}

function note(hook: string, event: HookEvent): void {
  const { msg, source, destination, node } = event;
  // Each run has ids of its own.
  const shown = JSON.stringify({ ...msg, _msgid: typeof msg["_msgid"] });
  seen.push(`${hook} ${source?.id ?? ""}>${destination?.id ?? node?.id ?? ""} ${shown}`);
}

/** Two events of twenty batches do not get into a Switch the first time; nobody is told which ones. */
function throwBeforeSwitch(hooks: Hooks): void {
  const thrown = new Set<unknown>();
  hooks.add("onReceive.foreign", (event) => {
    const { msg, destination } = event as { msg: NodeMessage; destination: { node: RedNode } };
    const { payload } = msg;
    if (destination.node.type !== "switch" || !/:\d*5:0$/.test(String(payload)) || thrown.has(payload)) return;
    thrown.add(payload);
    hooked++;
    throw new Error("a hook of another module");
  });
}

/** Hooks of another module, each of which does what it should not to every seventh message. */
function misbehave(hooks: Hooks, misbehaviour: Misbehaviour): void {
  hooks.remove("*.foreign");
  if (misbehaviour === "none") return;
  if (misbehaviour === "throwBeforeSwitch") {
    throwBeforeSwitch(hooks);
    return;
  }
  let calls = 0;
  for (const name of HOOKS) {
    // What has been done with cannot be tried again, so nobody may drop that for ever.
    const always = name === "onComplete";
    hooks.add(`${name}.foreign`, (event) => {
      hooked++;
      const now = ++calls % 7 === 0 && calls < 700;
      switch (misbehaviour) {
        case "delay":
          return sleep(Math.random() * 3);
        case "drop":
          return now || always ? false : undefined;
        case "watch":
          for (const one of Array.isArray(event) ? (event as HookEvent[]) : [event as HookEvent]) note(name, one);
          return undefined;
        case "throw":
          if (now || always) throw new Error("a hook of another module");
          return undefined;
      }
    });
  }
}

interface Admin {
  get(path: string, handler: (request: Request, response: { json(body: unknown): void }) => void): void;
  post(path: string, handler: (request: Request, response: { json(body: unknown): void }) => void): void;
}

export default (red: NodeRed): void => {
  const { registerComponent } = require(runtimeFile("register")) as typeof RegisterModule;
  const { flowRuntime } = require(runtimeFile("flow-runtime")) as typeof FlowRuntimeModule;
  const { guards } = require(runtimeFile("tracking/guards")) as typeof GuardsModule;
  for (const guard of (process.env["HEADRACE_TEST_WITHOUT"] ?? "").split(",")) {
    if (guard in guards) guards[guard as keyof typeof guards] = false;
  }
  registerComponent(red, channel);
  registerComponent(red, sink);

  /** Sends new messages, with no trace of those they were made of, while it works on several. */
  function Fresh(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    this.on("input", (message, send, done) => {
      setTimeout(() => {
        send({ payload: message.payload });
        done();
      }, Math.random() * 20);
    });
  }
  red.nodes.registerType("test-fresh", Fresh);

  /** Sends one new message for each three, in the handler of the third, and has done with all three then. */
  function Gather(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    let kept: { payload: unknown; done: () => void }[] = [];
    this.on("input", ({ payload }, send, done) => {
      kept.push({ payload, done });
      if (kept.length < 3) return;
      const gathered = kept;
      kept = [];
      send({ payload: gathered.map((one) => one.payload).join(" ") });
      for (const one of gathered) one.done();
    });
  }
  red.nodes.registerType("test-gather", Gather);

  /** A handler without `done`, as before Node-RED 1.0, which sends later. */
  function Legacy(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    const handler = (message: NodeMessage): void => void setTimeout(() => this.send(message), Math.random() * 20);
    this.on("input", handler as never);
  }
  red.nodes.registerType("test-legacy", Legacy);

  /** One half of a pair that passes messages on without a wire: it has completed a message before or after. */
  function PortalIn(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    const { exit, when } = definition;
    this.on("input", (message, _send, done) => {
      const other = [...portals].find(({ id }) => id === exit);
      // A deploy is about to put another one there.
      if (!other) return done(new Error("the other half of the pair is not there"));
      if (when === "before") done();
      other.send(message);
      if (when !== "before") done();
    });
  }
  red.nodes.registerType("test-portal-in", PortalIn);

  const portals = new Set<RedNode>();
  function PortalOut(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    portals.add(this);
    const { closesAfter } = definition;
    this.on("close", (_removed, done) => {
      portals.delete(this);
      setTimeout(done, Number(closesAfter ?? 0));
    });
  }
  red.nodes.registerType("test-portal-out", PortalOut);

  /** Events under way at the beginning of each deploy. */
  const caught: number[] = [];
  red.events.on("flows:stopping", () => void caught.push(flowRuntime(red).tracking.events));
  const admin = red.httpAdmin as unknown as Admin;
  admin.post("/oracle/feed", ({ body }, response) => {
    channels.get(body.channel)?.feed(body);
    response.json({});
  });
  admin.post("/oracle/hooks", ({ body }, response) => {
    misbehave((red as NodeRed & { hooks: Hooks }).hooks, body.misbehaviour);
    response.json({});
  });
  admin.post("/oracle/forget", (_request, response) => {
    written.clear();
    hooked = 0;
    seen.length = 0;
    caught.length = 0;
    sinks.clear();
    for (const one of channels.values())
      for (const list of [one.premature, one.rolledBack, one.committed]) list.length = 0;
    response.json({});
  });
  admin.get("/oracle/seen", (_request, response) => response.json(seen));
  admin.get("/oracle/shapes", (_request, response) => {
    const shapes: Record<string, unknown> = {};
    red.nodes.eachNode?.(({ id }) => {
      const node = red.nodes.getNode(id);
      if (!node) return;
      const { outstandingTimers = [] } = node as RedNode & { outstandingTimers?: unknown[] };
      shapes[id] = {
        node: Object.getOwnPropertyNames(node).toSorted(),
        // Node-RED gives each node a `send` of its own when it is wired.
        send: String(node.send),
        flow: Object.getOwnPropertyNames(node._flow).toSorted(),
        timers: Object.getOwnPropertyNames(outstandingTimers),
      };
    });
    response.json(shapes);
  });
  admin.get("/oracle", (_request, response) => {
    const { size, installed } = flowRuntime(red).tracking;
    response.json({
      channels: Object.fromEntries(
        [...channels].map(([id, { committed, premature, rolledBack, size: waiting }]) => [
          id,
          { committed, premature, rolledBack, waiting },
        ]),
      ),
      written: Object.fromEntries(written),
      sinks: Object.fromEntries([...sinks].map(([id, seen]) => [id, Object.fromEntries(seen)])),
      kept: size,
      hooked,
      caught,
      installed,
      hooks: ALL_HOOKS.filter((name) => (red as NodeRed & { hooks: Hooks }).hooks.has(name)),
    } satisfies OracleReport);
  });
};
