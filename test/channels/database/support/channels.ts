import { readConfig } from "../../../../lib/engine/properties.js";
import { component } from "../../../../nodes/channels/database/component.js";
import type { Channel } from "../../../../lib/engine/contracts.js";
import { type TestContext, testContext } from "../../../support/component-context.js";

export interface OpenChannel {
  readonly channel: Channel;
  readonly context: TestContext;
}

type Settings = Readonly<Record<string, unknown>>;

/** With the settings of a new node, but for those that a test cares about. Not started. */
export function databaseChannel(
  folder: string,
  settings: Settings = {},
  shared: TestContext["shared"] = {},
): OpenChannel {
  const context = { ...testContext("channel", folder), shared };
  const { config, problems } = readConfig(component.properties, { minimumRequiredSpace: 0, keepAlive: 0, ...settings });
  if (problems[0]) throw problems[0];
  return { channel: component.create(config, context), context };
}

export async function openDatabaseChannel(folder: string, settings: Settings = {}): Promise<OpenChannel> {
  const opened = databaseChannel(folder, settings);
  await opened.channel.start();
  return opened;
}
