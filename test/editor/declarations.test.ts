import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as acorn from "acorn";
import * as walk from "acorn-walk";
import { nodeProperties, outputPorts } from "../../lib/engine/common-properties.js";
import type { Declaration } from "../../lib/engine/component.js";
import type { Properties, Property } from "../../lib/engine/properties.js";
import { root } from "../support/machine.js";
import { buildModule, declarations, dist, languages } from "./components.js";

type Texts = { [key: string]: string | Texts };

/** What the Flow Library keeps of a definition: inline literals, and the names of defaults and credentials. */
interface Definition {
  readonly type: string;
  readonly values: Record<string, unknown>;
  readonly defaults: Record<string, unknown>;
  readonly credentials: readonly string[];
}

/** Reads registerType calls as the Flow Library does: without running them, and literals only. */
function definitionsIn(html: string): Definition[] {
  const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(html)?.[1];
  assert.ok(script, "a script of type text/javascript");
  const found: Definition[] = [];
  walk.simple(acorn.parse(script, { ecmaVersion: 2022 }), {
    CallExpression({ callee, arguments: [type, definition] }) {
      if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return;
      if (callee.property.name !== "registerType") return;
      assert.equal(type?.type, "Literal");
      assert.equal(definition?.type, "ObjectExpression");
      const values: Record<string, unknown> = {};
      let defaults: Record<string, unknown> = {};
      let credentials: string[] = [];
      for (const property of definition.properties) {
        assert.equal(property.type, "Property", "a spread element ends the Flow Library's walk");
        const name = nameOf(property.key);
        if (property.value.type === "Literal") values[name] = property.value.value;
        if (name === "defaults") defaults = literalDefaults(property.value);
        if (name === "credentials") credentials = Object.keys(literalDefaults(property.value));
      }
      found.push({ type: String(type.value), values, defaults, credentials });
    },
  });
  return found;
}

function nameOf(key: acorn.Expression | acorn.PrivateIdentifier): string {
  if (key.type === "Identifier") return key.name;
  if (key.type === "Literal") return String(key.value);
  throw new Error("A computed name");
}

/** The value of each default, read from its source text. */
function literalDefaults(object: acorn.Expression): Record<string, unknown> {
  assert.equal(object.type, "ObjectExpression");
  return Object.fromEntries(
    object.properties.map((property) => {
      assert.equal(property.type, "Property");
      assert.equal(property.value.type, "ObjectExpression");
      const value = property.value.properties.find((part) => part.type === "Property" && nameOf(part.key) === "value");
      return [nameOf(property.key), value?.type === "Property" ? literal(value.value) : undefined];
    }),
  );
}

function literal(expression: acorn.Expression): unknown {
  if (expression.type === "Literal") return expression.value;
  if (expression.type === "UnaryExpression" && expression.operator === "-")
    return -Number(literal(expression.argument));
  if (expression.type === "ArrayExpression") return expression.elements.map((e) => literal(e as acorn.Expression));
  assert.equal(expression.type, "ObjectExpression", "a literal");
  return Object.fromEntries(
    expression.properties.map((p) => {
      assert.equal(p.type, "Property");
      return [nameOf(p.key), literal(p.value)];
    }),
  );
}

function readJson(...path: string[]): Texts {
  return JSON.parse(readFileSync(join(root, ...path), "utf8")) as Texts;
}

/** Every text of a catalogue by its path. */
function flat(texts: Texts, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === "string") found.set(prefix + key, value);
    else for (const [path, text] of flat(value, `${prefix}${key}.`)) found.set(path, text);
  }
  return found;
}

/** The paths of all texts that a property needs. */
function neededTexts(path: string, property: Property): string[] {
  const own = [`${path}.label`, `${path}.help`];
  const fields = (at: string, all: Properties) =>
    Object.entries(all).flatMap(([name, field]) => neededTexts(`${at}.fields.${name}`, field));
  switch (property.kind) {
    case "choice":
      return [...own, ...property.options.map((option) => `${path}.options.${option}`)];
    case "rows":
      return [...own, `${path}.add`, ...fields(path, property.fields)];
    case "rules":
      return [
        ...own,
        `${path}.add`,
        ...Object.entries(property.variants).flatMap(([kind, all]) => {
          const at = `${path}.variants.${kind}`;
          return [`${at}.label`, `${at}.help`, ...fields(at, all)];
        }),
      ];
    default:
      return own;
  }
}

/** Units, formats and kinds that stand in a declaration, as paths of shared texts. */
function sharedTexts(properties: Properties): string[] {
  return Object.values(properties).flatMap((property) => [
    `types.${property.kind}`,
    ...(property.kind === "number" && property.unit ? [`units.${property.unit}`] : []),
    ...(property.kind === "text" && property.format ? [`formats.${property.format}`] : []),
    ...(property.kind === "rows" ? sharedTexts(property.fields) : []),
    ...(property.kind === "rules" ? Object.values(property.variants).flatMap(sharedTexts) : []),
  ]);
}

const SHARED = ["refused", "payload"];
/** Node-RED's own fields of a node: a property of that name would be lost or do harm. */
const RESERVED = [
  ..."id,type,wires,inputs,outputs,changed,dirty,moved,selected,users,valid,validationErrors,info,d,g,l,w,h,x,y,z".split(
    ",",
  ),
  ..."name,version,inputLabels,outputLabels,icon,label,credentials,env".split(","),
];

describe("what is made of declarations", () => {
  let all: Declaration[];
  before(async () => {
    all = await declarations();
  });

  it("is a definition that can be read without running it, with the declaration's defaults", () => {
    for (const declaration of all) {
      const html = readFileSync(join(dist, `${declaration.type}.html`), "utf8");
      const definitions = definitionsIn(html);
      assert.equal(definitions.length, 1, declaration.type);
      const [{ type, values, defaults, credentials }] = definitions as [Definition];
      assert.equal(type, declaration.type);
      const properties = Object.entries(nodeProperties(declaration));
      const { name, version, outputs, ...own } = defaults;
      assert.deepEqual(
        own,
        Object.fromEntries(properties.filter(([, p]) => p.kind !== "secret").map(([key, p]) => [key, p.default])),
        type,
      );
      assert.deepEqual(
        credentials,
        properties.filter(([, p]) => p.kind === "secret").map(([key]) => key),
      );
      assert.equal(name, "");
      assert.equal(version, declaration.version ?? 1);
      if (outputs !== undefined) assert.equal(outputs, outputPorts(declaration, {}), type);
      for (const [key] of properties) assert.ok(!RESERVED.includes(key), `${type}.${key} is Node-RED's`);
      if (declaration.role === "config") continue;
      assert.deepEqual(
        { icon: values["icon"], outputs: values["outputs"], inputs: values["inputs"] },
        {
          icon: declaration.icon,
          outputs: outputPorts(declaration, {}),
          inputs: declaration.role === "source" ? 0 : 1,
        },
      );
      assert.match(String(values["category"]), /^flume-/);
      assert.match(String(values["color"]), /^#[0-9A-F]{6}$/);
    }
  });

  it("is a form with a labelled field for each property", () => {
    for (const declaration of all) {
      const html = readFileSync(join(dist, `${declaration.type}.html`), "utf8");
      const prefix = declaration.role === "config" ? "node-config-input" : "node-input";
      for (const [name, property] of Object.entries(nodeProperties(declaration))) {
        const isList = property.kind === "rows" || property.kind === "rules";
        assert.ok(
          html.includes(isList ? `id="headrace-list-${name}"` : `id="${prefix}-${name}"`),
          `${declaration.type}.${name}`,
        );
        assert.ok(html.includes(isList ? `id="${prefix}-${name}-label"` : `for="${prefix}-${name}"`), name);
      }
    }
  });

  it("has all its texts in both languages, with the same placeholders", () => {
    for (const file of [...all.map(({ type }) => type), "headrace-editor", "errors", "status"]) {
      const [english, chinese]: (Map<string, string> | undefined)[] = languages.map((language) =>
        flat(readJson("locales", language, `${file}.json`)),
      );
      assert.ok(english && chinese);
      assert.deepEqual([...chinese.keys()].sort(), [...english.keys()].sort(), file);
      for (const [path, text] of english) {
        const holes = (of: string) => [...of.matchAll(/\{\w+\}|`[^`]*`/g)].map(([hole]) => hole).sort();
        const other: string = chinese.get(path) ?? "";
        assert.deepEqual(holes(other), holes(text), `${file}: ${path}`);
        assert.ok(other !== "" && text !== "", `${file}: ${path} is empty`);
      }
    }
  });

  it("has a text for each label, line of help, choice, unit and format, and no other", () => {
    for (const language of languages) {
      const shared = flat(readJson("locales", language, "headrace-editor.json"));
      for (const declaration of all) {
        const texts = flat(readJson("locales", language, `${declaration.type}.json`));
        const needed = Object.entries(declaration.properties).flatMap(([name, p]) =>
          neededTexts(`properties.${name}`, p),
        );
        const optional = ["ports.input", "ports.output"];
        assert.deepEqual(
          [...texts.keys()].filter((path) => !optional.includes(path)).sort(),
          ["label", "paletteLabel", ...needed].sort(),
          `${language} ${declaration.type}`,
        );
        const common = Object.entries(nodeProperties(declaration)).filter(([name]) => SHARED.includes(name));
        const inCommon = common.flatMap(([name, p]) => neededTexts(`properties.${name}`, p));
        for (const path of [...inCommon, ...sharedTexts(declaration.properties)]) {
          assert.ok(shared.has(path), `${language} headrace-editor: ${path}, for ${declaration.type}`);
        }
      }
    }
  });

  it("has help in Node-RED's order that names every property, with its default and its key", () => {
    for (const language of languages) {
      const heads =
        language === "en-US"
          ? ["Properties", "Inputs", "Outputs", "Details", "References"]
          : ["属性", "输入", "输出", "详情", "参考"];
      const always = language === "en-US" ? ["Properties", "Details"] : ["属性", "详情"];
      for (const { type, properties } of all) {
        const help = readFileSync(join(dist, "locales", language, `${type}.html`), "utf8");
        assert.match(help, new RegExp(`^<script type="text/markdown" data-help-name="${type}">`));
        const found = [...help.matchAll(/^### (.*)$/gm)].map(([, head]) => head ?? "");
        assert.deepEqual(
          found,
          heads.filter((head) => found.includes(head)),
          `${language} ${type}`,
        );
        for (const head of always) assert.ok(found.includes(head), `${language} ${type}: ${head}`);
        const texts = flat(readJson("locales", language, `${type}.json`));
        for (const [name, property] of Object.entries(properties)) {
          assert.ok(help.includes(`>${texts.get(`properties.${name}.label`)} <`), `${type}.${name} in ${language}`);
          if (property.flumeKey)
            assert.ok(help.includes(`<code>${property.flumeKey}</code>`), `${type}: ${property.flumeKey}`);
          if (property.kind === "number") {
            const shown = property.unit ? property.default.toLocaleString("en-US") : String(property.default);
            assert.ok(help.includes(shown), `${type}.${name}`);
          }
        }
      }
    }
  });

  it("has an icon of its own, white on transparent", () => {
    const seen = new Map<string, string>();
    for (const { type, icon, role } of all) {
      if (role === "config") continue;
      const source = readFileSync(join(root, "icons", icon), "utf8");
      assert.equal(readFileSync(join(dist, "icons", icon), "utf8"), source);
      assert.match(source, /width="40" height="60" viewBox="0 0 40 60"/, icon);
      for (const [, colour] of source.matchAll(/(?:fill|stroke)="([^"]*)"/g))
        assert.match(colour ?? "", /^(#fff|none)$/, icon);
      assert.equal(seen.get(source), undefined, `${type} and ${seen.get(source)} have the same icon`);
      seen.set(source, type);
    }
  });

  it("is committed as it is generated: package.json and the reference pages", async () => {
    const { generatedFiles } = await buildModule<{
      generatedFiles(where: { root: string; dist: string }): Record<string, string>;
    }>("palette");
    const files = generatedFiles({ root, dist });
    for (const [path, content] of Object.entries(files)) {
      assert.ok(existsSync(join(root, path)), `${path} is missing: build, and commit it`);
      assert.equal(readFileSync(join(root, path), "utf8"), content, `${path} is not what the build makes`);
    }
    const pages = readdirSync(join(root, "docs", "nodes")).map((name) => `docs/nodes/${name}`);
    assert.deepEqual(
      pages.filter((page) => !(page in files)),
      [],
    );
  });
});
