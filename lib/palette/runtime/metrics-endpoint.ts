import type { FlowRuntime } from "./flow-runtime.js";
import { isLiveChannel } from "./live-channel.js";
import type { NodeRed } from "./node-red.js";

interface Response {
  json(body: unknown): void;
}

const published = new WeakSet<object>();

/**
 * `GET /headrace/metrics`: the counters in the form of Flume's own JSON monitoring (`SOURCE.<name>`,
 * `CHANNEL.<name>`, `SINK.<name>`, every value a text), and what a channel promises, behind the editor's read permission.
 */
export function publishMetrics(red: NodeRed, runtime: FlowRuntime): void {
  if (!red.httpAdmin || published.has(runtime)) return;
  published.add(runtime);
  red.httpAdmin.get(
    "/headrace/metrics",
    red.auth.needsPermission("flows.read"),
    (_request: unknown, response: Response) => {
      const metrics: Record<string, Record<string, string>> = {};
      for (const node of runtime.live.values()) {
        const { counterGroup, face } = node;
        if (!counterGroup) continue;
        metrics[uniqueKey(metrics, `${counterGroup}.${face.name}`, face.id)] = {
          ...face.counters.toFlume(counterGroup),
          ...(isLiveChannel(node) ? { Durability: node.durability } : {}),
        };
      }
      response.json(metrics);
    },
  );
}

/** Two nodes may have the same name; the second and further ones carry their id too. */
function uniqueKey(taken: Readonly<Record<string, unknown>>, key: string, id: string): string {
  return key in taken ? `${key}.${id}` : key;
}
