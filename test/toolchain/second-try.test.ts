import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../support/machine.js";
import { useTempDir } from "../support/temp-dir.js";

type SecondTry = (outcomeFile: string) => { files: string[]; titles: string[] } | undefined;

const FAILS = `it("fails", () => { throw new Error("on purpose"); });`;
const PASSES = `it("passes", () => {});`;
const SKIPS = `it.skip("is skipped");`;

describe("which failures get a second try", () => {
  const dir = useTempDir();
  let secondTry: SecondTry;

  before(async () => {
    const script = pathToFileURL(join(root, "scripts", "second-try.mjs")).href;
    ({ secondTry } = (await import(script)) as { secondTry: SecondTry });
  });

  /** Runs mocha over these files, with the reporter of this project, and asks what is to be run again. */
  async function after(files: Readonly<Record<string, string>>): Promise<ReturnType<SecondTry>> {
    for (const [name, body] of Object.entries(files)) await writeFile(dir().file(name), body);
    return run(Object.keys(files).map((name) => dir().file(name)));
  }

  async function run(paths: string[]): Promise<ReturnType<SecondTry>> {
    const outcome = dir().file("outcome", "failures.json");
    const mocha = join(root, "node_modules", "mocha", "bin", "mocha.js");
    const reporter = join(root, "scripts", "mocha-reporter.cjs");
    const given = ["--no-config", "--reporter", reporter, "--reporter-option", `failures=${outcome}`, ...paths];
    await new Promise<void>((resolve) => execFile(process.execPath, [mocha, ...given], () => resolve()));
    return secondTry(outcome);
  }

  it("the whole file of a test that failed, and no other", async () => {
    const again = await after({ "a.test.js": `describe("one", () => { ${FAILS} ${PASSES} });`, "b.test.js": PASSES });
    assert.deepEqual(again, { files: [join(await realpath(dir().path), "a.test.js")], titles: ["one fails"] });
  });

  it("a hook that failed", async () => {
    const hook = `before(() => { throw new Error("on purpose"); });`;
    const again = await after({ "a.test.js": `describe("one", () => { ${hook} ${PASSES} });` });
    assert.deepEqual(again?.files, [join(await realpath(dir().path), "a.test.js")]);
  });

  const refused: [string, Record<string, string>][] = [
    ["when all passed", { "a.test.js": PASSES }],
    ["when four failed", { "a.test.js": FAILS.repeat(4) }],
    ["when something was skipped", { "a.test.js": FAILS + SKIPS }],
    ["when a test failed that draws its inputs at random", { "a.test.js": FAILS, "kill.test.js": FAILS }],
    ["when a file could not be loaded", { "a.test.js": "throw new Error('on purpose');" }],
  ];
  for (const [when, files] of refused) {
    it(`none ${when}`, async () => {
      assert.equal(await after(files), undefined);
    });
  }

  it("none when the tests ended without a word", () => {
    assert.equal(secondTry(dir().file("nothing.json")), undefined);
  });
});
