import { strict as assert } from "node:assert";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { KerberosLogin } from "../../lib/protocols/webhdfs/kerberos-login.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { WebHdfsSettings } from "../../lib/protocols/webhdfs/webhdfs-settings.js";
import { type SecureHdfs, secureHdfsUnavailable, startSecureHdfs } from "../counterparts/hdfs/secure.js";
import { REALM } from "../counterparts/kerberos/kdc.js";
import { eventually } from "../support/eventually.js";
import { memory, seq, tab } from "../support/flow-nodes.js";
import { NodeRed } from "../support/node-red.js";
import { skip } from "../support/skip.js";
import { useTempDir } from "../support/temp-dir.js";
import { noHooks, provideKerberos } from "./support/kerberos-package.js";
import { duplicatesIn } from "./support/load.js";
import { finishLeftovers, hdfsClient, hdfsSink, linesBelow, numbered } from "./support/sinks.js";

/** An HDFS that lets nobody in without a ticket or a token, and a key distribution centre. */
export function kerberosSuite(): void {
  describe("with Kerberos", function () {
    this.timeout(300_000);
    const folder = useTempDir();
    let secure: SecureHdfs;
    let client: WebHdfsClient;
    const cleanups: (() => void | Promise<void>)[] = [];

    before("start a key distribution centre and a secure HDFS", async function () {
      this.timeout(15 * 60_000);
      const reason = (await secureHdfsUnavailable()) ?? noHooks;
      if (reason !== undefined) skip(this, reason);
      secure = await startSecureHdfs({ appendDelay: 5, leaseSoftLimit: 5000 });
      cleanups.push(() => secure.stop());
      cleanups.push(provideKerberos(secure.clientPackage));
      cleanups.push(environment({ KRB5_CONFIG: secure.kdc.conf, KRB5CCNAME: "FILE:/not/there" }));
      client = hdfsClient(secure.cluster.urls, asFlume());
      cleanups.push(() => client.close());
    });
    after(async () => {
      for (const cleanUp of cleanups.reverse()) await cleanUp();
    });

    const asFlume = (): Partial<WebHdfsSettings> => ({
      login: { kind: "kerberos", principal: "flume", keyTab: secure.keyTab },
      tls: { ca: secure.ca },
    });
    const around = (login: Readonly<Record<string, unknown>>) => ({
      cluster: login,
      shared: { tls: { id: "tls", name: "", config: { ca: secure.ca }, shared: {} } },
    });
    const withKeys = (more: Readonly<Record<string, unknown>> = {}) => ({
      authentication: "kerberos",
      kerberosPrincipal: "flume",
      kerberosKeytab: secure.keyTab,
      ...more,
    });
    const sinkTo = (path: string, login: Readonly<Record<string, unknown>>, more = {}) =>
      hdfsSink(secure.cluster.urls, folder().path, { path, ...more }, around(login));
    const lines = (path: string) => linesBelow(client, path);
    const refusedWith = (code: string, text: RegExp) => (error: unknown) => {
      assert.ok(isDeliveryError(error), String(error));
      assert.deepEqual([error.code, error.outcome, error.retry], [code, "none", "later"], error.message);
      assert.match(error.message, text);
      return true;
    };

    it("writes with the keys of a key table, as the principal that it names", async () => {
      for (const [name, principal] of [
        ["flume", `flume@${REALM}`],
        ["alice", "alice"],
        // The first of the table.
        ["flume", ""],
      ] as const) {
        const path = `/keys/${principal || "first"}`;
        if (name === "alice") await makeOpen(path);
        const { sink } = sinkTo(path, withKeys({ kerberosPrincipal: principal }));
        await sink.start();
        await sink.write(numbered(0, 3), NEVER);
        await sink.write(numbered(3, 2), NEVER);
        await sink.stop();
        assert.deepEqual(await lines(path), ["0", "1", "2", "3", "4"]);
        assert.deepEqual(await ownersIn(path), [name]);
      }
    });

    it("writes for another user, whom its principal may act for", async () => {
      await makeOpen("/for-alice");
      const { sink } = sinkTo("/for-alice", withKeys(), { proxyUser: "alice" });
      await sink.start();
      await sink.write(numbered(0, 2), NEVER);
      await sink.stop();
      assert.deepEqual(await ownersIn("/for-alice"), ["alice"]);
      const other = sinkTo("/for-bob", withKeys(), { proxyUser: "bob" }).sink;
      await other.start();
      await assert.rejects(other.write(numbered(0, 1), NEVER), refusedWith("FLUME_HDFS_NOT_ALLOWED", /bob/));
      await other.stop();
    });

    it("writes with the ticket of the process; refuses when it has ended, and goes on with the next one", async () => {
      const ticket = folder().file("ticket");
      const restore = environment({ KRB5CCNAME: `FILE:${ticket}` });
      try {
        const { sink } = sinkTo("/ticket", { authentication: "kerberos" });
        await sink.start();
        const batch = numbered(0, 5);
        await assert.rejects(sink.write(batch, NEVER), refusedWith("FLUME_HDFS_KERBEROS_FAILED", /localhost/));
        await copyFile(await secure.kdc.ticket("flume", secure.keyTab, 10), ticket);
        await sleep(11_000);
        await assert.rejects(sink.write(batch, NEVER), refusedWith("FLUME_HDFS_KERBEROS_FAILED", /Ticket expired/));
        await copyFile(await secure.kdc.ticket("flume", secure.keyTab, 600), ticket);
        await sink.write(batch, NEVER);
        await sink.stop();
        assert.deepEqual(await lines("/ticket"), ["0", "1", "2", "3", "4"]);
      } finally {
        restore();
      }
    });

    it("gets a new ticket with the key table when the last one has ended", async () => {
      const short = folder().file("krb5.conf");
      const conf = await readFile(secure.kdc.conf, "utf8");
      await writeFile(short, conf.replace("[libdefaults]", "[libdefaults]\n  ticket_lifetime = 5s"));
      const restore = environment({ KRB5_CONFIG: short });
      try {
        const login = new KerberosLogin({ principal: "alice", keyTab: secure.keyTab });
        const status = async () =>
          (await ask("GET", "op=GETFILESTATUS", { authorization: await login.authorization("localhost") })).status;
        assert.equal(await status(), 200);
        await sleep(6000);
        assert.equal(await status(), 200);
      } finally {
        restore();
      }
    });

    it("says what is wrong with a principal or a key table", async () => {
      const wrong: [Readonly<Record<string, unknown>>, string, RegExp][] = [
        [{ kerberosPrincipal: "nobody" }, "FLUME_HDFS_KERBEROS_FAILED", /nobody@HEADRACE\.TEST/],
        [{ kerberosKeytab: "/not/there.keytab" }, "FLUME_HDFS_KERBEROS_KEYTAB", /\/not\/there\.keytab.*ENOENT/],
      ];
      for (const [login, code, text] of wrong) {
        const { sink } = sinkTo("/wrong", withKeys(login));
        await sink.start();
        await assert.rejects(sink.write(numbered(0, 1), NEVER), refusedWith(code, text));
        await sink.stop();
      }
      const { sink } = sinkTo("/wrong", { authentication: "simple", user: "flume" });
      await sink.start();
      await assert.rejects(
        sink.write(numbered(0, 1), NEVER),
        refusedWith("FLUME_HDFS_AUTHENTICATION", /Authentication required/),
      );
      await sink.stop();
    });

    it("writes with a delegation token until it is cancelled, and goes on with the next one", async () => {
      const token = await newToken();
      const first = sinkTo("/token", { authentication: "token", delegationToken: token });
      await first.sink.start();
      await first.sink.write(numbered(0, 3), NEVER);
      await cancel(token);
      const batch = numbered(3, 2);
      await assert.rejects(
        first.sink.write(batch, NEVER),
        refusedWith("FLUME_HDFS_AUTHENTICATION", /InvalidToken.*can't be found in cache/),
      );
      await first.sink.stop();
      const next = sinkTo("/token", { authentication: "token", delegationToken: await newToken() });
      await next.sink.start();
      await next.sink.write(batch, NEVER);
      await eventually(async () => (await lines("/token")).length === 5, { within: 180_000, every: 100 });
      await next.sink.stop();
      assert.deepEqual(await ownersIn("/token"), ["flume", "flume"]);
      // One that another name node has given.
      const strange = Buffer.from("\u0003abc\u0003def\u0015HDFS_DELEGATION_TOKEN\u0000", "latin1").toString(
        "base64url",
      );
      const { sink } = sinkTo("/token", { authentication: "token", delegationToken: strange });
      await sink.start();
      await assert.rejects(sink.write(numbered(0, 1), NEVER), refusedWith("FLUME_HDFS_AUTHENTICATION", /./));
      await sink.stop();
    });

    it("logs in anew when the name node has started again, which knows none of its cookies", async () => {
      const { sink } = sinkTo("/restarted", withKeys(), { callTimeout: 10_000 });
      await sink.start();
      await sink.write(numbered(0, 3), NEVER);
      await secure.cluster.stopNameNode();
      const batch = numbered(3, 2);
      await assert.rejects(sink.write(batch, NEVER), refusedWith("FLUME_HDFS_UNREACHABLE", /localhost/));
      await secure.cluster.startNameNode();
      // Not at the first attempt: a data node must have come back, too. None of them may fail because of who asks.
      const codes: string[] = [];
      const write = async () => {
        await sink.write(batch, NEVER).catch((error: unknown) => {
          codes.push(isDeliveryError(error) ? error.code : String(error));
          throw error;
        });
        return true;
      };
      await eventually(write, { within: 180_000, every: 100, what: "accepted batch" });
      assert.ok(!codes.includes("FLUME_HDFS_AUTHENTICATION"), codes.join());
      await sink.stop();
      await finishLeftovers(secure.cluster.urls, folder().path, "/restarted", around(withKeys()), asFlume());
      assert.deepEqual(await lines("/restarted"), ["0", "1", "2", "3", "4"]);
    });

    it("in a real Node-RED: says that the key table is missing, and goes on by itself once it is there", async () => {
      const keytab = folder().file("later.keytab");
      const flows = [
        tab(),
        seq("source", ["channel"], { totalEvents: 1000, batchSize: 100 }),
        memory("channel", ["sink"], { capacity: 2000, transactionCapacity: 1000 }),
        {
          ...{ id: "sink", type: "flume-hdfs-sink", z: "tab", cluster: "cluster", wires: [] },
          ...{ path: "/node-red", fileType: "DataStream", rollInterval: 0, rollSize: 0, rollCount: 0 },
        },
        {
          id: "cluster",
          type: "flume-hdfs-cluster",
          urls: secure.cluster.urls[0],
          ...withKeys({ kerberosKeytab: keytab }),
        },
      ];
      const nodeRed = await NodeRed.start({
        flows,
        env: {
          HEADRACE_KERBEROS_PACKAGE: secure.clientPackage,
          NODE_EXTRA_CA_CERTS: secure.caFile,
          NODE_OPTIONS: `--require ${join(__dirname, "support", "kerberos-package.js")}`,
        },
      });
      await nodeRed.waitForLog(/The key table .*later\.keytab cannot be read/, { within: 120_000 });
      await copyFile(secure.keyTab, keytab);
      await eventually(async () => (await lines("/node-red")).length >= 1000, { within: 180_000, every: 300 });
      await nodeRed.stop();
      assert.equal(duplicatesIn(await lines("/node-red"), 1000), 0);
    });

    /** A request of the superuser, in WebHDFS' own words. */
    async function ask(method: string, query: string, headers: Record<string, string> = {}, path = "/") {
      const url = `${secure.cluster.urls[0]}/webhdfs/v1${path}?${query}`;
      const authorization = await new KerberosLogin({ principal: "flume", keyTab: secure.keyTab }).authorization(
        "localhost",
      );
      return await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
        const request = https.request(url, {
          method,
          ca: secure.ca,
          agent: false,
          headers: { authorization, ...headers },
        });
        request.on("error", reject);
        request.on("response", (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (piece: string) => (body += piece));
          response.on("end", () => resolve({ status: response.statusCode, body }));
        });
        request.end();
      });
    }

    async function newToken(): Promise<string> {
      const { status, body } = await ask("GET", "op=GETDELEGATIONTOKEN&renewer=flume");
      assert.equal(status, 200, body);
      return (JSON.parse(body) as { Token: { urlString: string } }).Token.urlString;
    }

    async function cancel(token: string): Promise<void> {
      const { status, body } = await ask("PUT", `op=CANCELDELEGATIONTOKEN&token=${encodeURIComponent(token)}`);
      assert.equal(status, 200, body);
    }

    /** A folder that anybody may write to. */
    async function makeOpen(path: string): Promise<void> {
      const { status, body } = await ask("PUT", "op=MKDIRS&permission=777", {}, path);
      assert.equal(status, 200, body);
    }

    /** Of the files in a folder. */
    async function ownersIn(path: string): Promise<string[]> {
      const { body } = await ask("GET", "op=LISTSTATUS", {}, path);
      const { FileStatuses } = JSON.parse(body) as { FileStatuses: { FileStatus: { owner: string }[] } };
      return FileStatuses.FileStatus.map(({ owner }) => owner);
    }
  });
}

/** Sets variables of this process. @returns puts back what was there */
function environment(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
