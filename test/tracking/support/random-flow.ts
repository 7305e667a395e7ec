import { catchAll } from "../../support/flow-nodes.js";
import type { FlowNode } from "../../support/node-red.js";
import { type Arrivals, type Entry, EVENTS_OF_A_BATCH, mostArrivals, multiplied, sum, takesAll } from "./arrivals.js";
import { change, delay, javascript, join, route, rule, split } from "./core-nodes.js";
import { core, oracleChannel, oracleSink } from "./oracle.js";
import type { Random } from "./random.js";
import { delays, failures, functions, passing, wait } from "./random-nodes.js";

/** What a random flow may contain; both make events come again, so that they may be written more than once. */
export interface Disturbances {
  readonly errors: boolean;
  readonly deploys: boolean;
}

export interface RandomFlow {
  readonly nodes: readonly FlowNode[];
  readonly channels: readonly string[];
  /**
   * Whether nothing comes again without a disturbance. What is caught may, where new messages are made of several on the
   * way: that one of them arrives takes no failure back, because it may be another's (seed 216481875).
   */
  readonly exact: boolean;
  /** Of an event with this id. */
  arrivals(event: string): Arrivals;
  /** The same flow in which something is deployed anew. */
  changed(random: Random): readonly FlowNode[];
}

/** A message may arrive at all the sinks together as often as this: paths multiply. */
const MOST_ARRIVALS = 10;

/** Makes a flow out of the nodes of the table, from the sinks backwards, with what is to arrive where. */
export class RandomFlowMaker {
  readonly #random: Random;
  readonly #prefix: string;
  readonly #disturbances: Disturbances;
  readonly #nodes: FlowNode[] = [];
  readonly #entries: Entry[] = [];
  #made = 0;

  constructor(random: Random, prefix: string, disturbances: Disturbances) {
    this.#random = random;
    this.#prefix = prefix;
    this.#disturbances = disturbances;
  }

  make(): RandomFlow {
    const random = this.#random;
    for (let sinks = 1 + random.below(3); sinks > 0; sinks--) this.#sink();
    const stages = 2 + random.below(8);
    for (let i = 0; i < stages; i++) this.#stage();
    const channels = Array.from({ length: random.chance(0.3) ? 2 : 1 }, (_, i) => `${this.#prefix}c${i}`);
    const behind = new Map<string, readonly Entry[]>();
    for (const channel of channels) {
      const targets = new Set([this.#entries.at(-1) as Entry]);
      if (random.chance(0.3)) targets.add(random.pick(this.#entries));
      behind.set(channel, [...targets]);
      const wires = [...targets].map(({ id }) => id);
      this.#nodes.push(
        oracleChannel(channel, wires, { settleWithin: 30, eventsInFlight: random.pick([30, 400, 4000]) }),
      );
    }
    if (random.chance(0.3)) this.#noise();
    const nodes = this.#nodes;
    return {
      nodes,
      channels,
      exact: !["catch", "test-fresh"].every((wanted) => nodes.some(({ type }) => type === wanted)),
      arrivals: (event) =>
        sum((behind.get(event.slice(0, event.indexOf(":"))) ?? []).map((one) => one.arrivals(event))),
      changed: (by) => {
        const ordinary = nodes.filter(({ type }) => !/^(tab|subflow|test-oracle-channel)$/.test(type));
        const changed = new Set([by.pick(ordinary), ...(by.chance(0.3) ? [by.pick(ordinary)] : [])]);
        return nodes.map((node) => (changed.has(node) ? { ...node, name: `${String(node["name"])}~` } : node));
      },
    };
  }

  #id(kind: string): string {
    return `${this.#prefix}${kind}${this.#made++}`;
  }

  #add(...nodes: FlowNode[]): void {
    this.#nodes.push(...nodes);
  }

  /** Messages of other flows come through the same nodes. */
  #noise(): void {
    const id = this.#id("inject");
    this.#add(
      core("inject", id, [[this.#random.pick(this.#entries).id]], {
        props: [{ p: "payload" }],
        payload: "noise",
        payloadType: "str",
        repeat: "0.02",
        once: false,
      }),
    );
  }

  #sink(): void {
    const id = this.#id("sink");
    this.#add(oracleSink(id));
    this.#entries.push({ id, single: false, arrivals: () => ({ [id]: 1 }) });
  }

  /** One of what is there, of which a message may be sent as often as this. */
  #target(times = 1, single?: false): Entry | undefined {
    const fit = this.#entries.filter((one) => {
      if (single === false && one.single) return false;
      return times * mostArrivals(one) <= MOST_ARRIVALS;
    });
    // Rather behind what came last, so that paths grow long.
    return fit.length === 0 ? undefined : this.#random.chance(0.6) ? fit.at(-1) : this.#random.pick(fit);
  }

  /** One more node, or a few that belong together, before some of what is there. */
  #stage(): void {
    const { errors } = this.#disturbances;
    const stages = [
      () => this.#passing(),
      () => this.#passing(),
      () => this.#function(),
      () => this.#function(),
      () => this.#function(),
      () => this.#switch(),
      () => this.#switch(),
      () => this.#fanOut(),
      () => this.#delay(),
      () => this.#join(),
      () => this.#join(),
      () => this.#splitAndJoin(),
      () => this.#link(),
      () => this.#linkCall(),
      () => this.#subflow(),
      () => this.#complete(),
      () => this.#catch(),
      () => this.#pair(),
      ...(errors ? [() => this.#failing(), () => this.#failing()] : []),
    ];
    this.#random.pick(stages)();
  }

  /** One node that sends each message on, to one target. */
  #passing(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("pass");
    this.#add(...this.#random.pick(passing)(id, [target.id]));
    this.#entries.push({ ...target, id });
  }

  #function(): void {
    const { code, times, settings = {} } = this.#random.pick(functions);
    const target = this.#target(times);
    if (!target) return;
    const id = this.#id("function");
    this.#add(javascript(code, [[target.id]], id, { ...settings }));
    this.#entries.push({ ...target, id, arrivals: (event) => multiplied(target.arrivals(event), times) });
  }

  #failing(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("failing");
    const how = this.#random.pick(failures);
    // What a node keeps goes with it at a deploy; this stays.
    const code = `const key = '${id} ' + msg.payload; const known = global.get('failed') || {};
      if (/:${this.#random.below(EVENTS_OF_A_BATCH)}$/.test(msg.payload) && !known[key]) {
        known[key] = true; global.set('failed', known); ${how} }
      return msg;`;
    this.#add(javascript(code, [[target.id]], id));
    this.#entries.push({ ...target, id });
  }

  #delay(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("delay");
    this.#add(this.#random.pick(delays)(id, [target.id]));
    this.#entries.push({ ...target, id });
  }

  #switch(): void {
    const [one, other] = [this.#target(), this.#target()];
    if (!one || !other) return;
    const id = this.#id("switch");
    const pattern = `:${this.#random.below(EVENTS_OF_A_BATCH)}$`;
    const matches = new RegExp(pattern);
    const regex = { t: "regex", v: pattern, vt: "str", case: false };
    const kinds: readonly (() => Entry)[] = [
      () => {
        this.#add(route([regex, rule("else")], {}, id, [[one.id], [other.id]]));
        return {
          id,
          single: true,
          arrivals: (event) => (matches.test(event) ? one : other).arrivals(event),
        };
      },
      () => {
        this.#add(route([regex], {}, id, [[one.id]]));
        return { id, single: true, arrivals: (event) => (matches.test(event) ? one.arrivals(event) : {}) };
      },
      () => {
        this.#add(route([rule("nempty")], { property: "payload & ''", propertyType: "jsonata" }, id, [[one.id]]));
        return { ...one, id };
      },
    ];
    this.#entries.push(this.#random.pick(kinds)());
  }

  #fanOut(): void {
    const targets = [...new Set([this.#target(2), this.#target(2), this.#target(3)])].filter(
      (one) => one !== undefined,
    );
    if (targets.length === 0) return;
    const id = this.#id("fan");
    this.#add(
      change(
        id,
        targets.map((one) => one.id),
      ),
    );
    this.#entries.push({
      id,
      single: targets.some(({ single }) => single),
      arrivals: (event) => sum(targets.map((one) => one.arrivals(event))),
    });
  }

  /** Groups of whatever comes at the same time, taken apart again or not. */
  #join(): void {
    const apart = this.#random.chance(0.7);
    const target = this.#target(1, apart ? undefined : false);
    if (!target) return;
    const id = this.#id("join");
    const next = apart ? `${id}s` : target.id;
    const settings = {
      build: "string",
      joiner: " ",
      count: String(2 + this.#random.below(5)),
      timeout: "0.1",
      useparts: false,
    };
    this.#add(join(settings, id, [next]));
    if (apart) this.#add(split(next, [target.id], { splt: " " }));
    this.#entries.push({ ...target, single: false, id });
  }

  #splitAndJoin(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("parts");
    this.#add(
      // A Join takes what a Complete node has written there for the end of a group.
      javascript("delete msg.complete; msg.payload = [msg.payload, 'x', 'y']; return msg;", [[`${id}u`]], id),
      // A Split names its group by this, and copies of a message share it.
      change(`${id}u`, [`${id}s`], [{ t: "set", p: "_msgid", pt: "msg", to: "$string($random())", tot: "jsonata" }]),
      split(`${id}s`, [`${id}d`]),
      this.#random.chance(0.5)
        ? delay({ pauseType: "random" }, `${id}d`, [`${id}j`])
        : javascript(`${wait} return msg;`, [[`${id}j`]], `${id}d`),
      join({ mode: "auto" }, `${id}j`, [`${id}f`]),
      javascript("msg.payload = msg.payload[0]; return msg;", [[target.id]], `${id}f`),
    );
    this.#entries.push({ ...target, id });
  }

  #link(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("link");
    this.#add(
      core("link out", id, [], { mode: "link", links: [`${id}i`] }),
      core("link in", `${id}i`, [[target.id]], { links: [id] }),
    );
    this.#entries.push({ ...target, id });
  }

  #linkCall(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("call");
    this.#add(
      core("link call", id, [[target.id]], { links: [`${id}i`], linkType: "static", timeout: "30" }),
      core("link in", `${id}i`, [[`${id}w`]], { links: [] }),
      this.#random.chance(0.5)
        ? delay({ timeout: "3" }, `${id}w`, [`${id}o`])
        : javascript(`${wait} return msg;`, [[`${id}o`]], `${id}w`),
      core("link out", `${id}o`, [], { mode: "return", links: [] }),
    );
    this.#entries.push({ ...target, id });
  }

  #subflow(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("sub");
    const sub = `${id}t`;
    this.#add(
      {
        id: sub,
        type: "subflow",
        name: "sub",
        in: [{ x: 50, y: 30, wires: [{ id: `${sub}d` }] }],
        out: [{ x: 250, y: 30, wires: [{ id: `${sub}f`, port: 0 }] }],
        ...(this.#random.chance(0.5) ? { status: { x: 250, y: 60, wires: [{ id: `${sub}d`, port: 0 }] } } : {}),
      },
      { ...delay({ timeout: "3" }, `${sub}d`, [`${sub}f`]), z: sub },
      { ...javascript("return { payload: msg.payload };", [[]], `${sub}f`), z: sub },
      core(`subflow:${sub}`, id, [[target.id]]),
    );
    this.#entries.push({ ...target, id });
  }

  #complete(): void {
    const [told, sent] = [this.#target(2), this.#target(2)];
    if (!told || !sent) return;
    const id = this.#id("complete");
    const also = this.#random.chance(0.5);
    this.#add(
      delay({ pauseType: "random" }, id, also ? [sent.id] : []),
      core("complete", `${id}c`, [[told.id]], { scope: [id], uncaught: false }),
    );
    this.#entries.push({
      id,
      single: told.single || (also && sent.single),
      arrivals: (event) => (also ? sum([told.arrivals(event), sent.arrivals(event)]) : told.arrivals(event)),
    });
  }

  /** What always fails has a way of its own. */
  #catch(): void {
    const [caught, passed] = [this.#target(), this.#target()];
    // Only where every event that is caught arrives somewhere: what nobody takes counts as failed.
    if (!caught || !passed || !takesAll(caught)) return;
    const id = this.#id("catch");
    const pattern = `:${this.#random.below(EVENTS_OF_A_BATCH)}$`;
    const matches = new RegExp(pattern);
    this.#add(
      javascript(`if (/${pattern}/.test(msg.payload)) throw new Error('caught'); return msg;`, [[passed.id]], id),
      catchAll(`${id}k`, [caught.id], [id]),
    );
    this.#entries.push({
      id,
      single: true,
      arrivals: (event) => (matches.test(event) ? caught : passed).arrivals(event),
    });
  }

  #pair(): void {
    const target = this.#target();
    if (!target) return;
    const id = this.#id("pair");
    this.#add(
      core("test-portal-in", id, [], { exit: `${id}o`, when: this.#random.pick(["before", "after"]) }),
      core("test-portal-out", `${id}o`, [[target.id]]),
    );
    this.#entries.push({ ...target, id });
  }
}
