import { hasChangingOutputs } from "./definition.mjs";
import { sharedNamespace, sharedProperties } from "./texts.mjs";

/**
 * @typedef {import("./components.mjs").Declaration} Declaration
 * @typedef {import("../../lib/engine/properties.js").Property} Property
 */

/**
 * The form of a node. Node-RED fills in the simple fields by their ids, and the texts by data-i18n; lists and what
 * depends on other values is brought to life by lib/palette/editor.
 * @param {Declaration} declaration
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function formHtml(declaration, engine) {
  const prefix = declaration.role === "config" ? "node-config-input" : "node-input";
  const properties = Object.entries(engine.nodeProperties(declaration));
  const rows = (/** @type {boolean} */ advanced) =>
    properties.filter(([, p]) => Boolean(p.advanced) === advanced).map(([name, p]) => rowHtml(prefix, name, p));
  const advanced = rows(true);
  return [
    '<div class="headrace-form">',
    nameRow(prefix),
    ...rows(false),
    ...(advanced.length > 0
      ? [
          '  <details class="headrace-advanced">',
          `    <summary data-i18n="${sharedNamespace}:form.advanced"></summary>`,
          ...advanced,
          "  </details>",
        ]
      : []),
    ...(hasChangingOutputs(declaration, engine) ? [`  <input type="hidden" id="${prefix}-outputs">`] : []),
    "</div>",
  ].join("\n");
}

/** @param {string} prefix */
function nameRow(prefix) {
  return `  <div class="form-row headrace-row">
    <label for="${prefix}-name"><span data-i18n="${sharedNamespace}:properties.name.label"></span></label>
    <div class="headrace-control"><input type="text" id="${prefix}-name" autocomplete="off" data-i18n="[placeholder]${sharedNamespace}:properties.name.label"></div>
  </div>`;
}

/** @param {string} prefix @param {string} name @param {Property} property */
function rowHtml(prefix, name, property) {
  const id = `${prefix}-${name}`;
  const key = `${sharedProperties.includes(name) ? `${sharedNamespace}:` : ""}properties.${name}`;
  const required = property.required
    ? `<span class="headrace-required" data-i18n="[title]${sharedNamespace}:form.required">*</span>`
    : "";
  const label = `<span data-i18n="${key}.label"></span>${required}`;
  const described = `aria-describedby="${id}-hint ${id}-problem"${property.required ? ' aria-required="true"' : ""}`;
  const flumeKey = property.flumeKey
    ? ` <code class="headrace-key" data-i18n="[title]${sharedNamespace}:form.flumeKey">${property.flumeKey}</code>`
    : "";
  const notes = `
      <div class="headrace-hint" id="${id}-hint"><span data-i18n="${key}.help"></span>${flumeKey}</div>
      <div class="headrace-problem" id="${id}-problem" role="alert" hidden></div>`;
  const open = `  <div class="form-row headrace-row headrace-row-${property.kind}" data-property="${name}">`;
  if (property.kind === "rows" || property.kind === "rules") {
    return `${open}
    <div class="headrace-list-label" id="${id}-label">${label}</div>${notes}
    <ol class="headrace-list" id="headrace-list-${name}"></ol>
  </div>`;
  }
  if (property.kind === "boolean") {
    return `${open}
    <div class="headrace-control">
      <input type="checkbox" id="${id}" ${described}>
      <label for="${id}">${label}</label>${notes}
    </div>
  </div>`;
  }
  return `${open}
    <label for="${id}">${label}</label>
    <div class="headrace-control">
      ${inputHtml(id, key, property, described)}${notes}
    </div>
  </div>`;
}

/** @param {string} id @param {string} key @param {Property} property @param {string} described */
function inputHtml(id, key, property, described) {
  switch (property.kind) {
    case "choice":
      return `<select id="${id}" ${described}>${property.options
        .map((option) => `<option value="${option}" data-i18n="${key}.options.${option}"></option>`)
        .join("")}</select>`;
    case "number": {
      const input = `<input type="text" inputmode="numeric" id="${id}" autocomplete="off" placeholder="${property.default}" ${described}>`;
      if (!property.unit) return input;
      return `${input}<span class="headrace-unit" data-i18n="${sharedNamespace}:units.${property.unit}"></span>`;
    }
    case "secret":
      return `<input type="password" id="${id}" autocomplete="new-password" ${described}>`;
    default: {
      return `<input type="text" id="${id}" autocomplete="off" spellcheck="false"${placeholder(property)} ${described}>`;
    }
  }
}

/**
 * What an empty field says: that it has to be filled in, or what counts as long as it is not.
 * @param {Property} property
 */
function placeholder(property) {
  if (!property.required) return "";
  if (property.default === "") return ` data-i18n="[placeholder]${sharedNamespace}:form.required"`;
  return ` placeholder="${property.default}"`;
}
