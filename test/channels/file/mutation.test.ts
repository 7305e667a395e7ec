import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { node24, root } from "../../support/machine.js";
import { useTempDir } from "../../support/temp-dir.js";
import { type Switch, SWITCHES } from "./support/broken.js";

interface Suite {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** The tests that answer soonest, for the short form. */
  readonly grep?: string;
}

const SUITES = {
  model: { file: "model.test.js", env: { HEADRACE_MODEL_RUNS: "300" } },
  kill: { file: "kill.test.js", env: { HEADRACE_KILLS: "40" } },
  damage: { file: "damage.test.js", env: {}, grep: "one flipped bit" },
  faults: { file: "faults.test.js", env: {}, grep: "errors: no false answer|one sync that fails" },
} satisfies Record<string, Suite>;
type SuiteName = keyof typeof SUITES;

/**
 * What each suite must notice, and how it says so. A kill leaves what the system has been given, synced or not, and
 * no half sector: syncs and checksums are for a loss of power, which the model simulates.
 */
const MUST_NOTICE: Readonly<Record<Switch, Partial<Record<SuiteName, RegExp>>>> = {
  sync: { model: /lost: \d+/, faults: /deep-equal|rejection|is refused/ },
  write: { model: /lost: \d+/, kill: /acknowledged and lost|damage/, faults: /deep-equal|rejection/ },
  checksum: { model: /not to be here|lost|out of order|deep-equal/, damage: /byte \d+/ },
  order: { model: /not the first in order|out of order/, kill: /out of order/ },
};

/** `npm run mutation-test`: each suite with each switch, and with none. */
const ALL = process.env["HEADRACE_MUTATION"] === "all";
const switches = Object.keys(SWITCHES) as Switch[];
const suites = Object.keys(SUITES) as SuiteName[];

interface Verdict {
  /** The first test that failed, and what it said. */
  readonly noticed: { readonly test: string; readonly said: string } | undefined;
}

function residentMegabytes(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

describe("suites of the file channel with a promise broken", function () {
  this.timeout(600_000);
  const dir = useTempDir();
  const table = new Map<string, string>();

  async function run(name: SuiteName, broken: Switch | undefined): Promise<Verdict> {
    const { file, env, grep }: Suite = SUITES[name];
    const report = dir().file(`${name}-${broken}.json`);
    const mocha = [
      join(root, "node_modules", "mocha", "bin", "mocha.js"),
      ...["--require", join(root, "build", "test", "support", "root-hooks.js")],
      ...["--bail", "--exit", "--timeout", "20000", "--reporter", "json", "--reporter-option", `output=${report}`],
      ...(grep !== undefined && !ALL ? ["--grep", grep] : []),
      join(__dirname, file),
    ];
    const child = spawn(node24, mocha, {
      stdio: "ignore",
      env: { ...process.env, ...env, HEADRACE_BREAK: broken ?? "" },
    });
    // A suite whose promise is broken may wait for ever for what can no longer come, and hold more and more meanwhile.
    const began = Date.now();
    const watch = setInterval(() => {
      const held = residentMegabytes(child.pid);
      if (held > 1500 || Date.now() - began > (ALL ? 600_000 : 240_000)) child.kill("SIGKILL");
    }, 250);
    const signal = await new Promise<NodeJS.Signals | null>((resolve) =>
      child.once("exit", (_code, by) => resolve(by)),
    );
    clearInterval(watch);
    if (signal !== null) return { noticed: { test: name, said: `did not end: ${signal}` } };
    const { stats, failures } = JSON.parse(await readFile(report, "utf8")) as {
      stats: { passes: number };
      failures: { title: string; err: { message: string; stack?: string } }[];
    };
    const [failed] = failures;
    assert.ok(failed || stats.passes > 0, `${name} ran no test`);
    if (!failed) return { noticed: undefined };
    return { noticed: { test: failed.title, said: `${failed.err.message}\n${failed.err.stack ?? ""}` } };
  }

  after(() => {
    if (!ALL) return;
    const cell = (broken: string, name: string) => (table.get(`${name} ${broken}`) ?? "").padEnd(12);
    console.log(`\n    ${"".padEnd(12)}${suites.map((name) => name.padEnd(12)).join("")}`);
    for (const broken of ["none", ...switches]) {
      console.log(`    ${broken.padEnd(12)}${suites.map((name) => cell(broken, name)).join("")}`);
    }
    console.log("\n    NOTICED: had to, and did; noticed: did; passes: need not notice");
  });

  if (ALL) {
    for (const name of suites) {
      it(`${name} passes with nothing broken`, async () => {
        const { noticed } = await run(name, undefined);
        table.set(`${name} none`, noticed ? "FAILS" : "passes");
        assert.equal(noticed?.said, undefined);
      });
    }
  }
  for (const broken of switches) {
    for (const name of suites) {
      const must = MUST_NOTICE[broken][name];
      if (!must && !ALL) continue;
      it(`${SWITCHES[broken]}: ${name} ${must ? "notices" : "need not notice"}`, async () => {
        const { noticed } = await run(name, broken);
        table.set(`${name} ${broken}`, noticed ? (must ? "NOTICED" : "noticed") : must ? "MISSED" : "passes");
        if (!must) return;
        assert.ok(noticed, `${name} passes although ${SWITCHES[broken]}`);
        assert.match(noticed.said, must);
        if (ALL) console.log(`      by "${noticed.test}": ${noticed.said.split("\n")[0]}`);
      });
    }
  }
});
