// Node types that only tests use, loaded into Node-RED beside the palette: see test-palette.ts.
import type { EventBatch } from "../../lib/engine/batch.js";
import type { Inlet } from "../../lib/engine/contracts.js";
import { DeliveryError } from "../../lib/engine/errors.js";
import type {
  DoneFunction,
  NodeDefinition,
  NodeMessage,
  NodeRed,
  RedNode,
} from "../../lib/palette/runtime/node-red.js";
import type { TestNodeState } from "./test-palette.js";

/** What one node has seen and how it behaves: kept while node objects come and go. */
class Memory {
  mode: TestNodeState["mode"] = "open";
  readonly bodies: string[] = [];
  attempts = 0;
  waiting: (() => void)[] = [];

  set(mode: TestNodeState["mode"]): void {
    this.mode = mode;
    for (const look of this.waiting.splice(0)) look();
  }

  async whenNotHeld(): Promise<void> {
    while (this.mode === "held") await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

const memories = new Map<string, Memory>();

function memoryOf(id: string): Memory {
  let memory = memories.get(id);
  if (!memory) {
    memory = new Memory();
    memories.set(id, memory);
  }
  return memory;
}

/** Takes batches as a sink does, and never answers, or refuses, while it is told to. */
function inletOf(id: string): Inlet {
  const memory = memoryOf(id);
  const write = async (batch: EventBatch) => {
    memory.attempts++;
    await memory.whenNotHeld();
    if (memory.mode === "refusing") {
      throw new DeliveryError("FLUME_DELIVERY_FAILED", { parameters: { reason: "the test says so" } });
    }
    for (const event of batch) memory.bodies.push(event.body.toString());
  };
  return {
    id,
    limits: { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
    takeSize: 100,
    maxInFlight: 1,
    prepare: (batch) => Promise.resolve({ commit: () => write(batch), abort: () => undefined }),
  };
}

interface Request {
  readonly params: { readonly id: string };
  readonly body?: { readonly mode?: TestNodeState["mode"] };
}

export default (red: NodeRed): void => {
  function TestSink(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    const inlet = inletOf(this.id);
    // The symbol that the palette's own nodes carry, known to another copy of the package by its name only.
    Object.defineProperty(this, Symbol.for("@headrace/inlet.v1"), { value: () => inlet });
  }
  red.nodes.registerType("test-sink", TestSink);

  function TestCollector(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    const memory = memoryOf(this.id);
    this.on("input", (message: NodeMessage, _send: unknown, done: DoneFunction) => {
      memory.attempts++;
      memory.bodies.push(String(message.payload));
      done();
    });
  }
  red.nodes.registerType("test-collector", TestCollector);

  /** Takes its time to close, as nodes with remote connections do: a deploy waits for it. */
  function TestSlowToClose(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    this.on(
      "close",
      (_removed: boolean, done: () => void) => void setTimeout(done, Number(definition["milliseconds"])),
    );
  }
  red.nodes.registerType("test-slow-to-close", TestSlowToClose);

  const admin = red.httpAdmin as unknown as {
    get(path: string, handler: (request: Request, response: { json(body: unknown): void }) => void): void;
    post(path: string, handler: (request: Request, response: { json(body: unknown): void }) => void): void;
  };
  admin.get("/test-nodes/:id", ({ params }, response) => {
    const { mode, bodies, attempts } = memoryOf(params.id);
    response.json({ mode, bodies, attempts } satisfies TestNodeState);
  });
  admin.post("/test-nodes/:id", ({ params, body }, response) => {
    memoryOf(params.id).set(body?.mode ?? "open");
    response.json({});
  });
};
