import { component } from "../../nodes/sources/netcat/component.js";
import { listenerPort } from "../support/ports.js";
import { type TcpClient, tcpClient } from "../support/tcp-client.js";
import { generatingSource } from "./make-subjects.js";
import type { SourceBench } from "./source-behaviours.js";

/** One client per feeding, so that a source that was started anew is fed as well. */
export async function netcatBench(): Promise<SourceBench> {
  const port = await listenerPort();
  const clients: TcpClient[] = [];
  let fed = 0;
  return {
    ...generatingSource(component, { port }),
    async feed(events) {
      const client = await tcpClient(port);
      clients.push(client);
      for (let i = 0; i < events; i++) await client.send(String(fed++));
    },
    async end() {
      for (const client of clients) client.destroy();
    },
  };
}
