import type { Call, Operation, Reply } from "./operations.js";
import { withGroups } from "./shard-handlers.js";

/** Which calls a fault hits. All that is named must fit. */
export interface FaultPlace {
  readonly on: Operation | readonly Operation[];
  readonly shard?: number;
  /** Only heartbeats and checkpoints name one. */
  readonly consumer?: string;
  readonly accessKeyId?: string;
  readonly when?: (call: Call) => boolean;
  /** How often; for ever when absent, until `end()`. */
  readonly times?: number;
}

export type Fault =
  /** Nothing happens for a while, then what would have happened. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** The operation waits until the promise resolves. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> }
  /** An error is answered, and the operation not carried out. */
  | { readonly kind: "answer"; readonly status: number; readonly body: string; readonly contentType: string }
  /** Before the operation or after it: no answer ever comes, or the connection is reset. */
  | { readonly kind: "silence" | "reset"; readonly moment: "before" | "after" }
  /** The operation is carried out; its reply is changed. */
  | { readonly kind: "change"; readonly change: (reply: Reply, call: Call) => Reply };

export interface FaultHandle {
  /** Calls that it has hit. */
  readonly hits: number;
  end(): void;
}

export const faults = {
  delay: (milliseconds: number): Fault => ({ kind: "delay", milliseconds }),
  hold: (until: Promise<unknown>): Fault => ({ kind: "hold", until }),
  /** An error in the service's own words. */
  error: (status: number, errorCode: string, errorMessage = errorCode): Fault => ({
    kind: "answer",
    status,
    body: JSON.stringify({ errorCode, errorMessage }),
    contentType: "application/json",
  }),
  /** An error of something between client and service. */
  gateway: (status: number): Fault => ({
    kind: "answer",
    status,
    body: `<html><body><h1>${status}</h1></body></html>`,
    contentType: "text/html",
  }),
  shardReadQuota: (): Fault => faults.error(403, "ShardReadQuotaExceed", "shard read bytes exceed quota limits"),
  readQuota: (): Fault => faults.error(403, "ReadQuotaExceed", "project read quota exceed"),
  silence: (moment: "before" | "after" = "before"): Fault => ({ kind: "silence", moment }),
  reset: (moment: "before" | "after" = "before"): Fault => ({ kind: "reset", moment }),
  change: (change: (reply: Reply, call: Call) => Reply): Fault => ({ kind: "change", change }),
  /** Content-Length is right, and the connection gone before so much has come. */
  halfBody: (): Fault => faults.change((reply) => ({ ...reply, cutAfter: Math.floor(reply.body.length / 2) })),
  /** Content-Length says less (negative) or more than there is; where more is promised the connection ends. */
  contentLength: (difference: number): Fault =>
    faults.change((reply) => header(reply, "content-length", String(Math.max(0, reply.body.length + difference)))),
  /** Bytes in the middle of the compressed body are others. */
  corruptBody: (): Fault =>
    faults.change((reply) => {
      const body = Buffer.from(reply.body);
      for (let at = body.length >> 1; at < Math.min(body.length, (body.length >> 1) + 16); at++) body[at] = 0xff;
      return { ...reply, body };
    }),
  rawSize: (of: (size: number) => number): Fault =>
    faults.change((reply) =>
      header(reply, "x-log-bodyrawsize", String(of(Number(reply.headers["x-log-bodyrawsize"])))),
    ),
  groupCount: (of: (count: number) => number): Fault =>
    faults.change((reply) => header(reply, "x-log-count", String(of(Number(reply.headers["x-log-count"]))))),
  /** Well compressed, with the right length, and not a LogGroupList. */
  badProtobuf: (): Fault =>
    faults.change((reply, call) => {
      const groups = Buffer.from(reply.groups ?? Buffer.alloc(0));
      // The first group says that it is longer than everything that follows.
      if (groups.length > 5) Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]).copy(groups);
      return withGroups(reply, groups, call.headers["accept-encoding"]);
    }),
  emptyCursor: (): Fault => faults.change((reply) => header(reply, "x-log-cursor", "")),
  withoutHeader: (name: string): Fault =>
    faults.change((reply) => {
      const headers = { ...reply.headers };
      delete headers[name];
      return { ...reply, headers };
    }),
};

function header(reply: Reply, name: string, value: string): Reply {
  return { ...reply, headers: { ...reply.headers, [name]: value } };
}

interface Planned {
  readonly place: FaultPlace;
  readonly fault: Fault;
  hits: number;
  over: boolean;
}

/** The faults that are planned. Several may hit one call; each call counts for each of them. */
export class FaultPlan {
  #planned: Planned[] = [];

  add(place: FaultPlace, fault: Fault): FaultHandle {
    const planned: Planned = { place, fault, hits: 0, over: false };
    this.#planned.push(planned);
    return {
      get hits() {
        return planned.hits;
      },
      end() {
        planned.over = true;
      },
    };
  }

  clear(): void {
    for (const planned of this.#planned) planned.over = true;
    this.#planned = [];
  }

  for(call: Call): readonly Fault[] {
    const hit = this.#planned.filter((planned) => !planned.over && fits(planned.place, call));
    for (const planned of hit) {
      planned.hits++;
      if (planned.hits >= (planned.place.times ?? Number.POSITIVE_INFINITY)) planned.over = true;
    }
    this.#planned = this.#planned.filter((planned) => !planned.over);
    return hit.map(({ fault }) => fault);
  }
}

function fits(place: FaultPlace, call: Call): boolean {
  const operations = typeof place.on === "string" ? [place.on] : place.on;
  return (
    operations.includes(call.operation) &&
    (place.shard === undefined || place.shard === call.shard) &&
    (place.consumer === undefined || place.consumer === call.query.get("consumer")) &&
    (place.accessKeyId === undefined || place.accessKeyId === call.accessKeyId) &&
    (place.when?.(call) ?? true)
  );
}
