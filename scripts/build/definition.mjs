import { roles } from "./roles.mjs";

/**
 * @typedef {import("./components.mjs").Declaration} Declaration
 * @typedef {import("../../lib/engine/properties.js").Property} Property
 */

/**
 * The editor's definition of a node as source text. The Flow Library reads it without running it, so category,
 * colour, icon, ports and defaults stand there as plain values; behaviour is a call of the shared editor code.
 * @param {Declaration} declaration
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function definitionSource(declaration, engine) {
  const role = roles[declaration.role];
  if (!role) throw new Error(`${declaration.type} has the role ${declaration.role}, which is unknown`);
  const properties = Object.entries(engine.nodeProperties(declaration));
  const secrets = properties.filter(([, property]) => property.kind === "secret");
  const isConfig = declaration.role === "config";
  const outputs = engine.outputPorts(declaration, {});

  const defaults = [
    'name: { value: "" }',
    `version: { value: ${declaration.version ?? 1} }`,
    ...properties.filter(([, property]) => property.kind !== "secret").map(([name, p]) => defaultSource(name, p)),
    ...(hasChangingOutputs(declaration, engine) ? [`outputs: { value: ${outputs} }`] : []),
  ];
  const lines = [
    `category: ${JSON.stringify(role.category)},`,
    `color: ${JSON.stringify(role.color)},`,
    `defaults: {\n${defaults.map((line) => `      ${line},`).join("\n")}\n    },`,
    ...(secrets.length > 0
      ? [`credentials: {\n${secrets.map(([name]) => `      ${name}: { type: "password" },`).join("\n")}\n    },`]
      : []),
    ...(isConfig ? [] : [`inputs: ${role.inputs},`, `outputs: ${outputs},`]),
    ...(isConfig ? [] : [`icon: ${JSON.stringify(declaration.icon)},`]),
    ...(role.align ? [`align: ${JSON.stringify(role.align)},`] : []),
    'paletteLabel: function () { return this._("paletteLabel"); },',
    "label: function () { return Headrace.nodeLabel(this); },",
    'labelStyle: function () { return this.name ? "node_label_italic" : ""; },',
    ...(isConfig || role.inputs === 0 ? [] : ["inputLabels: function () { return Headrace.inputLabel(this); },"]),
    ...(isConfig ? [] : ["outputLabels: function (index) { return Headrace.outputLabel(this, index); },"]),
    "oneditprepare: function () { Headrace.openForm(this); },",
    "oneditsave: function () { Headrace.saveForm(this); },",
    "oneditcancel: function () { Headrace.closeForm(this); },",
  ];
  return `  RED.nodes.registerType(${JSON.stringify(declaration.type)}, {\n${lines.map((line) => `    ${line}`).join("\n")}\n  });`;
}

/**
 * Node-RED keeps the number of ports with the node only where it is a property.
 * @param {Declaration} declaration
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function hasChangingOutputs(declaration, engine) {
  return Boolean(
    engine.canRefuse(declaration) || Object.values(declaration.properties).some((p) => p.kind === "rows" && p.ports),
  );
}

/** @param {string} name @param {Property} property */
function defaultSource(name, property) {
  const parts = [`value: ${JSON.stringify(property.default)}`];
  // With its type, Node-RED shows the configuration nodes to choose from, and keeps the reference through import.
  if (property.kind === "node") parts.push(`type: ${JSON.stringify(property.nodeType)}`);
  // Two parameters: only then does Node-RED show the text that a validator returns.
  parts.push(`validate: function (value, options) { return Headrace.validate(this, ${JSON.stringify(name)}, value); }`);
  return `${name}: { ${parts.join(", ")} }`;
}
