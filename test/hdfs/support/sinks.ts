import { userInfo } from "node:os";
import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import type { SharedSettings } from "../../../lib/engine/component.js";
import type { Clock } from "../../../lib/engine/clock.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { copyHeaders, createEvent } from "../../../lib/engine/event.js";
import { readConfig } from "../../../lib/engine/properties.js";
import { WebHdfsClient } from "../../../lib/protocols/webhdfs/webhdfs-client.js";
import type { WebHdfsSettings } from "../../../lib/protocols/webhdfs/webhdfs-settings.js";
import { component } from "../../../nodes/sinks/hdfs/component.js";
import { HdfsSink } from "../../../nodes/sinks/hdfs/hdfs-sink.js";
import { type TestContext, testContext } from "../../support/component-context.js";
import { eventually } from "../../support/eventually.js";

/** Files by time only, plain text: what most people use. */
const PLAIN = { fileType: "DataStream", rollInterval: 0, rollSize: 0, rollCount: 0 };

export interface SinkUnderTest {
  readonly sink: Sink;
  readonly context: TestContext;
}

export interface Around {
  readonly clock?: Clock | undefined;
  /** Of the cluster node, apart from the addresses. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** What the cluster node refers to. */
  readonly shared?: SharedSettings["shared"];
}

/** An HDFS sink that writes to these name nodes, its journal in `storage`. */
export function hdfsSink(
  urls: readonly string[],
  storage: string,
  settings: Readonly<Record<string, unknown>>,
  { clock, cluster = {}, shared = {} }: Around = {},
): SinkUnderTest {
  const { config, problems } = readConfig(component.properties, { cluster: "cluster", ...PLAIN, ...settings });
  if (problems[0]) throw problems[0];
  const context: TestContext = {
    ...testContext("hdfs", storage),
    shared: { cluster: { ...clusterSettings(urls, cluster), shared } },
  };
  return { sink: new HdfsSink(config, context, clock), context };
}

export function clusterSettings(urls: readonly string[], more: Readonly<Record<string, unknown>> = {}): SharedSettings {
  const config = { urls: urls.join(", "), authentication: "simple", user: "", ...more };
  return { id: "cluster", name: "cluster", config, shared: {} };
}

export function hdfsClient(urls: readonly string[], more: Partial<WebHdfsSettings> = {}): WebHdfsClient {
  const login = { kind: "simple", user: userInfo().username } as const;
  return new WebHdfsClient({ urls, login, tls: undefined, proxyUser: "", timeout: 30_000, ...more });
}

/** Events with the bodies `<first>`, `<first + 1>` …, filled up with zeros to `width`, and these headers. */
export function numbered(
  first: number,
  count: number,
  headers: Readonly<Record<string, string>> = {},
  width = 0,
): EventBatch {
  const body = (number: number) => Buffer.from(String(number).padStart(width, "0"));
  return batchOf(Array.from({ length: count }, (_, i) => createEvent(body(first + i), copyHeaders(headers))));
}

/** Starts a sink once more on what an earlier one has left, and waits until all files are finished. */
export async function finishLeftovers(
  urls: readonly string[],
  storage: string,
  path: string,
  around: Around = {},
  more: Partial<WebHdfsSettings> = {},
): Promise<void> {
  const client = hdfsClient(urls, more);
  const { sink } = hdfsSink(urls, storage, { path }, around);
  await sink.start();
  const areFinished = async () => (await filesBelow(client, path)).every((file) => !file.endsWith(".tmp"));
  await eventually(areFinished, { within: 180_000, every: 200, what: "end of all files" });
  await sink.stop();
  client.close();
}

/** Full paths of all files below a folder. */
export async function filesBelow(client: WebHdfsClient, folder: string): Promise<string[]> {
  if (!(await client.status(folder))) return [];
  const found: string[] = [];
  for (const { pathSuffix, type } of await client.list(folder)) {
    const path = `${folder}/${pathSuffix}`;
    if (type === "DIRECTORY") found.push(...(await filesBelow(client, path)));
    else found.push(path);
  }
  return found.sort();
}

/** Lines of all files below a folder, the files in the order of their names. */
export async function linesBelow(client: WebHdfsClient, folder: string): Promise<string[]> {
  const lines: string[] = [];
  for (const path of await filesBelow(client, folder)) {
    // Not push(...): a large file has more lines than a call has arguments.
    for (const line of (await client.read(path)).toString().split("\n").slice(0, -1)) lines.push(line);
  }
  return lines;
}
