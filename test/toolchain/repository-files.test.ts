import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { root } from "../support/machine.js";
import { repositoryFiles } from "../support/source-files.js";

const text = (path: string) => readFileSync(join(root, path), "utf8");

describe("the files of the repository", () => {
  it("lock files name no registry, so that each person's own is used", () => {
    const locks = repositoryFiles().filter((path) => path.endsWith("package-lock.json"));
    assert.ok(locks.length >= 3);
    for (const lock of locks) assert.doesNotMatch(text(lock), /"resolved"|https?:\/\/[^"]*\.tgz/, lock);
    for (const lock of locks) {
      assert.match(text(lock.replace("package-lock.json", ".npmrc")), /^omit-lockfile-registry-resolved=true$/m);
    }
  });

  it("the lock file knows the binaries for other systems (npm run relock)", () => {
    type Entry = { version?: string; optionalDependencies?: Record<string, string> };
    const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Entry> };
    const tools = ["@biomejs/biome", "oxlint", "oxlint-tsgolint", "typescript", "esbuild"];
    const missing = tools
      .flatMap((tool) => Object.keys(packages[`node_modules/${tool}`]?.optionalDependencies ?? {}))
      .filter((name) => !packages[`node_modules/${name}`]?.version);
    assert.deepEqual(missing, []);
  });

  it("no registry host is configured", () => {
    for (const path of repositoryFiles().filter((name) => name.endsWith(".npmrc"))) {
      assert.doesNotMatch(text(path), /registry\s*=|_auth|\/\//, path);
    }
  });

  it("no file names the place where it was written", () => {
    // Very short homes ("/root") would match ordinary words of documents.
    const places = [root, homedir()].filter((place) => place.split("/").length > 2);
    const found = repositoryFiles().filter((path) => {
      const content = text(path);
      return places.some((place) => content.includes(place)) || /\/(home|Users)\/[a-z][\w-]*\//.test(content);
    });
    assert.deepEqual(found, []);
  });

  it("the published package holds no private tools", () => {
    const manifest = JSON.parse(text("package.json")) as { files: string[]; dependencies?: Record<string, string> };
    for (const folder of ["scripts", "test", "bench"])
      assert.ok(!manifest.files.some((entry) => entry.startsWith(folder)));
    for (const name of Object.keys(manifest.dependencies ?? {}))
      assert.doesNotMatch(name, /^node-(linux|darwin|win|bin)-|^node-red/);
  });
});
