import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { root } from "../support/machine.js";
import { repositoryFiles } from "../support/source-files.js";

/** What a file may import from this repository, and whether Node-RED. The first layer that matches a file counts. */
interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Paths it may import, besides those of its own layer. */
  readonly may: readonly RegExp[];
  readonly mayUseNodeRed?: boolean;
}

const ENGINE = /^lib\/engine\//;
const PROTOCOLS_AND_FORMATS = /^lib\/(protocols|formats)\//;
const PALETTE = /^lib\/palette\//;
const NODES = /^nodes\//;
const TEXTS = /^locales\//;

/** From the bottom to the top; "own room" below is the rule that nodes import no file of another node. */
const layers: readonly Layer[] = [
  { name: "engine", files: ENGINE, may: [TEXTS] },
  { name: "protocols and formats", files: PROTOCOLS_AND_FORMATS, may: [ENGINE] },
  { name: "node.ts", files: /^nodes\/.*\/node\.ts$/, may: [PALETTE, NODES], mayUseNodeRed: true },
  { name: "a node's component", files: NODES, may: [ENGINE, PROTOCOLS_AND_FORMATS] },
  { name: "palette", files: PALETTE, may: [ENGINE, PROTOCOLS_AND_FORMATS, TEXTS], mayUseNodeRed: true },
  { name: "agent", files: /^lib\/agent\//, may: [/^lib\//, NODES, TEXTS], mayUseNodeRed: true },
];

/** The folder of a node: nodes/sources/netcat. */
const roomOf = (path: string) => path.split("/").slice(0, 3).join("/");

/** Nodes that are made of another one, all of it: what that one is must not be told twice. */
const madeOf = new Map([["nodes/channels/spillable", "nodes/channels/file"]]);

/** Modules named by import, export … from, import() and require(), type-only ones too. */
function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\brequire\s*\(\s*|^\s*import\s+)["']([^"']+)["']/gm;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? "");
}

function complaint(file: string, imported: string): string | undefined {
  const layer = layers.find(({ files }) => files.test(file));
  if (!layer) return undefined;
  if (!imported.startsWith(".")) {
    if (/^(node-red|@node-red\/.*)$/.test(imported) && !layer.mayUseNodeRed) return "Node-RED is not for this layer";
    if (isBuiltin(imported) && !imported.startsWith("node:")) return "built-in modules are named with node:";
    return undefined;
  }
  const target = posix.normalize(posix.join(posix.dirname(file), imported));
  if (NODES.test(file) && NODES.test(target)) {
    return roomOf(file) === roomOf(target) || madeOf.get(roomOf(file)) === roomOf(target)
      ? undefined
      : "nodes share code through lib, not with each other";
  }
  if (layer.files.test(target) || layer.may.some((allowed) => allowed.test(target))) return undefined;
  return `${layer.name} may not import it`;
}

describe("imports point one way", () => {
  it("in all of lib/ and nodes/", () => {
    const found: string[] = [];
    for (const file of repositoryFiles().filter((path) => /^(lib|nodes)\/.*\.ts$/.test(path))) {
      for (const imported of importsOf(readFileSync(join(root, file), "utf8"))) {
        const why = complaint(file, imported);
        if (why) found.push(`${file} imports ${imported}: ${why}`);
      }
    }
    assert.deepEqual(found, []);
  });

  it("and the check sees what it should", () => {
    const wrong = [
      ["lib/engine/batch.ts", "../palette/runtime/wires.js"],
      ["lib/engine/batch.ts", "node-red"],
      ["lib/engine/batch.ts", "fs"],
      ["lib/formats/avro.ts", "../palette/x.js"],
      ["lib/palette/runtime/wires.ts", "../../agent/import.js"],
      ["lib/palette/runtime/wires.ts", "../../../nodes/sources/netcat/component.js"],
      ["nodes/sources/netcat/component.ts", "../../../lib/palette/runtime/wires.js"],
      ["nodes/sources/netcat/component.ts", "../seq/component.js"],
      ["nodes/sources/netcat/node.ts", "../../../lib/engine/batch.js"],
    ] as const;
    for (const [file, imported] of wrong) assert.ok(complaint(file, imported), `${file} → ${imported}`);
    const right = [
      ["lib/engine/batch.ts", "./event.js"],
      ["lib/agent/import.ts", "../palette/registry.js"],
      ["nodes/sources/netcat/component.ts", "../../../lib/engine/batch.js"],
      ["nodes/sources/netcat/component.ts", "./lines.js"],
      ["nodes/sources/netcat/node.ts", "../../../lib/palette/runtime/register.js"],
      ["nodes/sources/netcat/node.ts", "./component.js"],
    ] as const;
    for (const [file, imported] of right) assert.equal(complaint(file, imported), undefined, `${file} → ${imported}`);
    const source = 'import a from "a";\nimport "b";\nexport * from "c";\nconst d = require("d"), e = import("e");';
    assert.deepEqual(importsOf(`${source}\n/* import "g" */\nimport type {\n  H,\n} from "h";`), [
      "a",
      "b",
      "c",
      "d",
      "e",
      "h",
    ]);
  });
});
