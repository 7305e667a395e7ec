import { reasonOf } from "../../engine/errors.js";
import { nodeProperties } from "../../engine/common-properties.js";
import type { ConfigComponent, Declaration, SharedSettings } from "../../engine/component.js";
import { type FlowComponent, flowRuntime } from "./flow-runtime.js";
import { publishMetrics } from "./metrics-endpoint.js";
import { Problem } from "./node-face.js";
import type { DoneFunction, NodeDefinition, NodeMessage, NodeRed, RedNode, SendFunction } from "./node-red.js";
import { readDefinition } from "./node-settings.js";
import { SHARED_SETTINGS } from "./shared-settings.js";
import { INLET } from "./wire-targets.js";

/** Makes a component a node type of Node-RED. All that a `node.ts` does. */
export function registerComponent(red: NodeRed, component: FlowComponent): void {
  const runtime = flowRuntime(red);
  publishMetrics(red, runtime);

  function FlumeNode(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    runtime.attach(this, component, definition);
    const { id } = this;
    if (component.role !== "source") {
      // Looked up each time: the live node may be replaced while this object stays.
      Object.defineProperty(this, INLET, { value: () => runtime.inletOf(id) });
      this.on("input", (message: NodeMessage, _send: SendFunction, done: DoneFunction) => {
        const intake = runtime.intakeOf(id);
        if (intake) intake.accept(message, done);
        else done(runtime.notRunning());
      });
    }
    this.on("close", (_removed: boolean, done: () => void) => {
      runtime.detach(this).then(done, (error: unknown) => {
        red.log.warn(reasonOf(error));
        done();
      });
    });
  }

  red.nodes.registerType(component.type, FlumeNode, credentialsOf(component));
}

/** Makes a declaration a config node: it holds settings for the nodes that refer to it. */
export function registerConfig(red: NodeRed, component: ConfigComponent): void {
  function ConfigNode(this: RedNode, definition: NodeDefinition): void {
    red.nodes.createNode(this, definition);
    const { config, shared, problems } = readDefinition(red, component, definition, this.credentials);
    for (const problem of problems) this.error(new Problem(problem));
    const settings: SharedSettings = { id: this.id, name: this.name || this.id, config, shared };
    Object.defineProperty(this, SHARED_SETTINGS, { value: () => (problems.length > 0 ? undefined : settings) });
  }
  red.nodes.registerType(component.type, ConfigNode, credentialsOf(component));
}

function credentialsOf(component: Declaration): Record<string, unknown> {
  const secrets = Object.entries(nodeProperties(component)).filter(([, property]) => property.kind === "secret");
  const credentials = Object.fromEntries(secrets.map(([name]) => [name, { type: "password" }]));
  return secrets.length > 0 ? { credentials } : {};
}
