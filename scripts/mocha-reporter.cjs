"use strict";
const { mkdirSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");
const Mocha = require("mocha");

const { Spec } = Mocha.reporters;
const { EVENT_TEST_FAIL, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/** How long the process may live on after the last test. */
const GRACE_MS = 10_000;

/**
 * Mocha's own report, then every test that was skipped with its reason, then one plain line with the figures.
 * In CI a skipped test is a failure: nothing may stay unproved in silence. The option `failures` names a file that is
 * told what failed, as JSON: for the second try (second-try.mjs).
 */
class Reporter extends Spec {
  /** @param {any} runner @param {any} options */
  constructor(runner, options) {
    super(runner, options);
    /** @type {any[]} */
    this.skipped = [];
    /** @type {import("./second-try.mjs").Failure[]} */
    this.failed = [];
    /** @type {string | undefined} */
    this.failuresFile = options.reporterOptions?.failures;
    runner.on(EVENT_TEST_PENDING, (/** @type {any} */ test) => this.skipped.push(test));
    runner.on(EVENT_TEST_FAIL, (/** @type {any} */ test) =>
      this.failed.push({ title: test.fullTitle(), file: test.file ?? "" }),
    );
  }

  /** @param {number} failures @param {(failures: number) => void} finish */
  done(failures, finish) {
    const strict = process.env.CI === "true";
    if (this.skipped.length > 0) {
      console.log(`  Skipped${strict ? ", which CI=true counts as failed" : ""}:\n`);
      for (const test of this.skipped) console.log(`  - ${test.fullTitle()}: ${reasonOf(test)}`);
      console.log();
    }
    const { passes } = this.stats;
    console.log(`${passes} passed, ${failures} failed, ${this.skipped.length} skipped`);
    if (this.failuresFile) {
      mkdirSync(dirname(this.failuresFile), { recursive: true });
      writeFileSync(this.failuresFile, JSON.stringify({ failed: this.failed, skipped: this.skipped.length }));
    }
    endHungProcess();
    finish(failures + (strict ? this.skipped.length : 0));
  }
}

/** @param {any} test */
function reasonOf(test) {
  for (let at = test; at; at = at.parent) if (at.skipReason) return at.skipReason;
  return "no reason given (use skip() of test/support/skip.ts)";
}

/** A handle that a test left open would keep the run going for ever: say what it is, and fail. */
function endHungProcess() {
  const timer = setTimeout(() => {
    console.error("The tests are over and something keeps the process alive:", process.getActiveResourcesInfo());
    process.exit(1);
  }, GRACE_MS);
  timer.unref();
}

module.exports = Reporter;
