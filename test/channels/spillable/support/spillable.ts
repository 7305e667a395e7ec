import { strict as assert } from "node:assert";
import { readConfig } from "../../../../lib/engine/properties.js";
import { component } from "../../../../nodes/channels/spillable/component.js";
import { SpillableChannel } from "../../../../nodes/channels/spillable/spillable-channel.js";
import { type TestContext, testContext } from "../../../support/component-context.js";

/** Events in memory of the channel that is killed. */
export const MEMORY = 100;

export function spillableConfig(settings: Record<string, unknown>) {
  const raw = { minimumRequiredSpace: 1_048_576, maxFileSize: 1_048_576, overflowTimeout: 0, ...settings };
  const { config, problems } = readConfig(component.properties, raw);
  assert.deepEqual(problems, []);
  return config;
}

export async function openSpillable(
  folder: string,
  settings: Record<string, unknown>,
  context: TestContext = testContext("spill", folder),
): Promise<SpillableChannel> {
  const channel = component.create(spillableConfig(settings), context);
  assert.ok(channel instanceof SpillableChannel);
  await channel.start();
  return channel;
}
