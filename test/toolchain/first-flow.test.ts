import { strict as assert } from "node:assert";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../support/machine.js";
import { useTempDir } from "../support/temp-dir.js";

interface UserDirScript {
  prepareUserDir(userDir: string, examples: string): { credentialSecret: string };
}

describe("npm start: the user directory", () => {
  const temp = useTempDir();
  let prepare: () => { credentialSecret: string };

  const flows = () => readFile(temp().file("user", "flows.json"), "utf8");
  const example = (text: string) => writeFile(temp().file("examples", "01 - netcat to logger.json"), text);

  beforeEach(async () => {
    const script = pathToFileURL(join(root, "scripts", "start", "user-dir.mjs")).href;
    const { prepareUserDir } = (await import(script)) as UserDirScript;
    prepare = () => prepareUserDir(temp().file("user"), temp().file("examples"));
    await mkdir(temp().file("examples"));
    await writeFile(temp().file("examples", "02 - other.json"), "other");
    await example("first");
  });

  it("gets the first example", async () => {
    prepare();
    assert.equal(await flows(), "first");
  });

  it("keeps a flow that a person has edited, whatever the example has become", async () => {
    prepare();
    await writeFile(temp().file("user", "flows.json"), "mine");
    await example("second");
    prepare();
    assert.equal(await flows(), "mine");
  });

  it("keeps a flow that was there before", async () => {
    await mkdir(temp().file("user"));
    await writeFile(temp().file("user", "flows.json"), "older");
    prepare();
    assert.equal(await flows(), "older");
  });

  it("follows the example as long as nobody has edited the flow", async () => {
    prepare();
    await example("second");
    prepare();
    assert.equal(await flows(), "second");
  });

  it("has a secret of its own that stays and that others cannot read", async () => {
    const { credentialSecret } = prepare();
    assert.equal(credentialSecret.length, 64);
    assert.equal(prepare().credentialSecret, credentialSecret);
    assert.equal((await stat(temp().file("user", ".credential-secret"))).mode & 0o077, 0);
  });
});
