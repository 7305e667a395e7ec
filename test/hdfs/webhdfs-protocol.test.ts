import { contentOf } from "../../lib/engine/content.js";
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { HeadraceError } from "../../lib/engine/errors.js";
import { isHdfsError, isTaken } from "../../lib/protocols/webhdfs/hdfs-error.js";
import { KerberosLogin, type KerberosPackage } from "../../lib/protocols/webhdfs/kerberos-login.js";
import { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import { type WebHdfsSettings, webHdfsSettings } from "../../lib/protocols/webhdfs/webhdfs-settings.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { type Answer, FakeNode, json, remote } from "./support/fake-node.js";
import { clusterSettings } from "./support/sinks.js";

const STATUS = { FileStatus: { pathSuffix: "", type: "FILE", length: 3, modificationTime: 0 } };

/** The ticket of the process. */
const TICKET = { kind: "kerberos", principal: "", keyTab: "" } as const;

/** Of this machine's loopback address, signed by itself. */
async function certificate(): Promise<{ cert: string; key: string }> {
  const folder = await tempDir();
  try {
    const [cert, key] = [folder.file("server.pem"), folder.file("server.key")];
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    ]);
    return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  } finally {
    await folder.remove();
  }
}

describe("WebHDFS on the wire", () => {
  const nodes: FakeNode[] = [];
  const clients: WebHdfsClient[] = [];
  const fake = async (answer: Answer): Promise<FakeNode> => {
    const node = new FakeNode();
    node.answer = answer;
    await node.start();
    nodes.push(node);
    return node;
  };
  const clientOf = (urls: readonly string[], more: Partial<WebHdfsSettings> = {}, kerberos?: KerberosLogin) => {
    const login = { kind: "simple", user: "flume" } as const;
    const settings = { urls, login, tls: undefined, proxyUser: "", timeout: 2000, ...more };
    const client = new WebHdfsClient(settings, kerberos);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
  });

  it("sends no byte to the name node, all to the data node, and bears an unsolicited 100 Continue", async () => {
    const dataNode = await fake((_, response) => {
      response.socket?.write("HTTP/1.1 100 Continue\r\n\r\n");
      response.writeHead(201).end();
    });
    const nameNode = await fake((_, response) =>
      response.writeHead(307, { location: `${dataNode.url}/webhdfs/v1/a?op=CREATE&token=x` }).end(),
    );
    await clientOf([nameNode.url]).create("/a", contentOf([Buffer.from("one"), Buffer.from("two")]), {
      overwrite: false,
    });
    const [first] = nameNode.asked;
    assert.equal(first?.body, "");
    assert.equal(first?.url.searchParams.get("user.name"), "flume");
    assert.equal(first?.url.searchParams.get("overwrite"), "false");
    assert.equal(dataNode.asked[0]?.body, "onetwo");
    assert.equal(dataNode.asked[0]?.headers["content-length"], "6");
    assert.equal(dataNode.asked[0]?.headers["content-type"], "application/octet-stream");
  });

  it("counts no answer but the right one as success: 200 for a create, 502, 503, 409, false", async () => {
    for (const status of [200, 409, 502, 503]) {
      const dataNode = await fake((_, response) => response.writeHead(status).end());
      const nameNode = await fake((_, response) => response.writeHead(307, { location: `${dataNode.url}/x` }).end());
      await assert.rejects(
        clientOf([nameNode.url]).create("/a", contentOf([Buffer.from("x")]), { overwrite: false }),
        (error) => isHdfsError(error) && error.outcome === "unknown",
        String(status),
      );
    }
    const nameNode = await fake((_, response) => json(response, 200, { boolean: false }));
    assert.equal(await clientOf([nameNode.url]).rename("/a", "/b"), false);
  });

  it("goes on to the next name node: standby, 502, 503, no answer at all", async () => {
    const active = await fake((_, response) => json(response, 200, STATUS));
    const standby = await fake((_, response) => json(response, 403, remote("StandbyException")));
    const proxy = await fake((_, response) => response.writeHead(503).end("down"));
    const client = clientOf(["http://127.0.0.1:9", standby.url, proxy.url, active.url]);
    assert.equal((await client.status("/a"))?.length, 3);
    // It remembers.
    await client.status("/a");
    assert.equal(standby.asked.length, 1);
    assert.equal(active.asked.length, 2);
    const none = clientOf([standby.url, standby.url]);
    await assert.rejects(none.status("/a"), (error) => isHdfsError(error) && error.code === "FLUME_HDFS_STANDBY");
  });

  it("goes on to the next name node when a standby has named a data node, which finds out", async () => {
    const dataNode = await fake(({ url }, response) => {
      if (url.searchParams.get("of") === "standby") json(response, 403, remote("StandbyException"));
      else response.writeHead(201).end();
    });
    const named = (of: string) =>
      fake((_, answer) => answer.writeHead(307, { location: `${dataNode.url}/x?of=${of}` }).end());
    const [standby, active] = [await named("standby"), await named("active")];
    const client = clientOf([standby.url, active.url]);
    await client.create("/a", contentOf([Buffer.from("one")]), { overwrite: false });
    await client.create("/b", contentOf([Buffer.from("two")]), { overwrite: false });
    assert.deepEqual([standby.asked.length, active.asked.length], [1, 2]);
    assert.deepEqual(
      dataNode.asked.map(({ body }) => body),
      ["one", "one", "two"],
    );
    const none = clientOf([standby.url, standby.url]);
    await assert.rejects(
      none.create("/a", contentOf([Buffer.from("x")]), { overwrite: false }),
      (error) => isHdfsError(error) && error.code === "FLUME_HDFS_STANDBY" && error.outcome === "none",
    );
  });

  it("does not take for another's what its own first try made before the name nodes changed over", async () => {
    const found = { FileStatus: { ...STATUS.FileStatus, length: 0 } };
    const dataNode = await fake(({ url }, response) => {
      const first = url.searchParams.get("of") === "first";
      json(response, 403, remote(first ? "StandbyException" : "AlreadyBeingCreatedException"));
    });
    const named = (of: string) =>
      fake(({ method }, answer) => {
        if (method === "GET") json(answer, 200, found);
        else answer.writeHead(307, { location: `${dataNode.url}/x?of=${of}` }).end();
      });
    const [first, second] = [await named("first"), await named("second")];
    const create = (urls: string[], options: { overwrite: boolean; again?: boolean }) =>
      clientOf(urls).create("/a", contentOf([Buffer.from("x")]), options);
    const outcome = (expected: string, taken: boolean) => (error: unknown) =>
      isHdfsError(error) && error.outcome === expected && isTaken(error) === taken;
    await assert.rejects(create([first.url, second.url], { overwrite: false }), outcome("unknown", false));
    await assert.rejects(create([second.url], { overwrite: false, again: true }), outcome("unknown", false));
    // Nobody has changed over, or there is something in it: it is another's.
    await assert.rejects(create([second.url], { overwrite: false }), outcome("none", true));
    found.FileStatus.length = 3;
    await assert.rejects(create([first.url, second.url], { overwrite: false }), outcome("none", true));
  });

  it("asks nothing more once it is closed, on whichever connection and of whichever name node", async () => {
    let silent = false;
    const node = await fake((_, response) => {
      if (!silent) json(response, 200, STATUS);
    });
    const client = clientOf([node.url, node.url], { timeout: 10_000 });
    await client.status("/a");
    silent = true;
    const asking = client.status("/a");
    await eventually(() => node.asked.length === 2, { what: "the question on the kept connection" });
    client.close();
    await assert.rejects(asking, isHdfsError);
    await assert.rejects(client.status("/a"), isHdfsError);
    assert.equal(node.asked.length, 2);
  });

  it("does not tell the token in an address that it does not go to", async () => {
    const location = "ftp://data-node:9864/webhdfs/v1/a?op=CREATE&delegation=SeCrEt&namenoderpcaddress=x";
    const node = await fake((_, response) => response.writeHead(307, { location }).end());
    await assert.rejects(
      clientOf([node.url]).create("/a", contentOf([Buffer.from("x")]), { overwrite: false }),
      (error: Error) => error.message.includes("ftp://data-node:9864") && !error.message.includes("SeCrEt"),
    );
  });

  it("does not ask another name node for a change that may have been made", async () => {
    const silent = await fake((_, response) => response.destroy());
    const other = await fake((_, response) => json(response, 200, { boolean: true }));
    const client = clientOf([silent.url, other.url]);
    await assert.rejects(client.rename("/a", "/b"), (error) => isHdfsError(error) && error.outcome === "unknown");
    assert.equal(other.asked.length, 0);
    assert.equal(await client.rename("/a", "/b"), true);
  });

  it("asks for another data node when the one it got is not there", async () => {
    const dataNode = await fake((_, response) => response.writeHead(200).end());
    const nameNode = await fake(({ url }, response) => {
      const excluded = url.searchParams.get("excludedatanodes");
      response
        .writeHead(307, { location: excluded === "127.0.0.1:9" ? `${dataNode.url}/x` : "http://127.0.0.1:9/x" })
        .end();
    });
    await clientOf([nameNode.url]).append("/a", contentOf([Buffer.from("x")]));
    assert.equal(dataNode.asked.length, 1);
  });

  it("gives up after the time it has, not knowing what came of it", async () => {
    const nameNode = await fake(() => undefined);
    await assert.rejects(
      clientOf([nameNode.url], { timeout: 200 }).remove("/a"),
      (error) => isHdfsError(error) && error.code === "FLUME_HDFS_TIMEOUT" && error.outcome === "unknown",
    );
  });

  it("follows HttpFS to itself", async () => {
    const httpFs: FakeNode = await fake(({ url }, response) => {
      if (url.searchParams.get("data") === "true") response.writeHead(201).end();
      else response.writeHead(307, { location: `${httpFs.url}${url.pathname}?op=CREATE&data=true` }).end();
    });
    await clientOf([httpFs.url]).create("/a", contentOf([Buffer.from("x")]), { overwrite: false });
    assert.equal(httpFs.asked[1]?.headers["content-type"], "application/octet-stream");
  });

  it("asks for a file by its name, whatever a URL means by the characters in it", async () => {
    const nameNode = await fake((_, response) => json(response, 200, STATUS));
    await clientOf([nameNode.url]).status("/a b/ü?op=DELETE#%2F&/c;d+e");
    const { pathname, searchParams } = nameNode.asked[0]?.url ?? assert.fail();
    const names = pathname.split("/").map(decodeURIComponent);
    assert.deepEqual(names, ["", "webhdfs", "v1", "a b", "ü?op=DELETE#%2F&", "c;d+e"]);
    assert.deepEqual(searchParams.getAll("op"), ["GETFILESTATUS"]);
  });

  it("does not follow to what is no address of a data node", async () => {
    const nameNode = await fake((_, response) => response.writeHead(307, { location: "file:///etc/passwd" }).end());
    await assert.rejects(
      clientOf([nameNode.url]).append("/a", contentOf([Buffer.from("x")])),
      (error) => isHdfsError(error) && error.code === "FLUME_HDFS_REFUSED" && error.outcome === "none",
    );
  });

  it("does not follow from TLS to plain text", async () => {
    const plain = await fake((_, response) => response.writeHead(201).end());
    const { cert, key } = await certificate();
    const bodies: string[] = [];
    let location = "";
    const secure = createSecureServer({ cert, key }, (question, answer) => {
      const isData = question.url?.includes("data=true") ?? false;
      const chunks: Buffer[] = [];
      question.on("data", (chunk: Buffer) => chunks.push(chunk));
      question.on("end", () => {
        bodies.push(Buffer.concat(chunks).toString());
        if (isData) answer.writeHead(201).end();
        else answer.writeHead(307, { location }).end();
      });
    });
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    try {
      const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
      const client = clientOf([url], { tls: { ca: cert }, timeout: 20_000 });
      const create = () => client.create("/a", contentOf([Buffer.from("secret")]), { overwrite: false });
      location = `${plain.url}/webhdfs/v1/a?data=true`;
      await assert.rejects(
        create(),
        (error) => isHdfsError(error) && error.code === "FLUME_HDFS_REFUSED" && error.outcome === "none",
      );
      assert.deepEqual([plain.asked.length, bodies], [0, [""]]);
      location = `${url}/webhdfs/v1/a?data=true`;
      await create();
      assert.deepEqual(bodies, ["", "", "secret"]);
    } finally {
      secure.closeAllConnections();
      secure.close();
    }
  });

  it("shows a delegation token instead of a name, and acts for somebody else", async () => {
    const nameNode = await fake((_, response) => json(response, 200, STATUS));
    await clientOf([nameNode.url], { login: { kind: "token", token: "t0ken" } }).status("/a");
    await clientOf([nameNode.url], { proxyUser: "alice" }).status("/a");
    const [token, proxied] = nameNode.asked.map(({ url }) => url.searchParams);
    assert.equal(token?.get("delegation"), "t0ken");
    assert.equal(token?.has("user.name"), false);
    assert.equal(proxied?.get("user.name"), "flume");
    assert.equal(proxied?.get("doas"), "alice");
  });

  it("takes what GETDELEGATIONTOKEN gives for a delegation token, and nothing else", () => {
    const read = (delegationToken: string) => {
      const cluster = clusterSettings(["http://a"], { authentication: "token", delegationToken });
      return webHdfsSettings(cluster, { proxyUser: "", timeout: 1 }).login;
    };
    const field = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
    const long = Buffer.concat([Buffer.from([0x8f, 200]), Buffer.alloc(200)]);
    const parts = [long, field("password"), field("HDFS_DELEGATION_TOKEN"), field("127.0.0.1:8020")];
    const token = Buffer.concat(parts).toString("base64url");
    assert.deepEqual(read(`${token}\n`), { kind: "token", token });
    const wrong = ["", "t0ken", "Token { kind: HDFS_DELEGATION_TOKEN }", token.slice(0, -4), `${token}AAAA`, "____"];
    for (const text of wrong) assert.throws(() => read(text), { code: "FLUME_HDFS_TOKEN" }, text);
  });

  it("logs in again when a cookie does not count any more, and gives up when the ticket does not either", async () => {
    let valid = "1";
    let logins = 0;
    const kerberos: KerberosPackage = {
      initializeClient: async () => ({ step: async () => String(++logins) }),
    };
    const nameNode = await fake(({ headers }, response) => {
      const { authorization, cookie } = headers;
      if (cookie === `hadoop.auth=${valid}`) json(response, 200, STATUS);
      else if (authorization !== undefined && valid !== "none") {
        response.writeHead(200, { "set-cookie": `hadoop.auth=${valid}; Path=/` }).end(JSON.stringify(STATUS));
      } else response.writeHead(401, "Authentication required").end("<html>");
    });
    const client = clientOf([nameNode.url], { login: TICKET }, new KerberosLogin(TICKET, async () => kerberos));
    await client.status("/a");
    valid = "2";
    await Promise.all([1, 2, 3].map(() => client.status("/a")));
    await client.status("/a");
    assert.equal(nameNode.asked.at(-1)?.headers.cookie, "hadoop.auth=2");
    assert.ok(logins <= 4, `${logins} logins`);
    valid = "none";
    const before = nameNode.asked.length;
    await assert.rejects(
      client.status("/a"),
      (error) =>
        isHdfsError(error) &&
        error.code === "FLUME_HDFS_AUTHENTICATION" &&
        /401 Authentication required/.test(error.message),
    );
    assert.equal(nameNode.asked.length, before + 2);
  });

  it("tells MIT's library of each key table in turn, and leaves the environment as it was", async () => {
    const seen: [unknown, string | undefined, string | undefined][] = [];
    const look = (principal: unknown) =>
      seen.push([principal, process.env["KRB5_CLIENT_KTNAME"], process.env["KRB5CCNAME"]]);
    const kerberos: KerberosPackage = {
      initializeClient: async (_, { principal }) => {
        look(principal);
        await turn();
        return {
          step: async () => {
            await turn();
            look(principal);
            if (principal === "b") throw new Error("no ticket");
            return "token";
          },
        };
      },
    };
    // Any file that can be read.
    const keyTabs: Readonly<Record<string, string>> = { a: process.execPath, b: __filename, c: "" };
    const before = { ...process.env };
    const logins = Object.entries(keyTabs).map(([principal, keyTab]) =>
      new KerberosLogin({ principal, keyTab }, async () => kerberos).authorization("host"),
    );
    const settled = await Promise.allSettled(logins);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual({ ...process.env }, before);
    assert.equal(seen.length, 6);
    for (const [principal, keyTab, cache] of seen) {
      const expected = keyTabs[String(principal)];
      assert.equal(keyTab, expected === "" ? before["KRB5_CLIENT_KTNAME"] : `FILE:${expected}`, String(principal));
      assert.equal(cache?.startsWith("MEMORY:headrace-") ?? false, expected !== "");
    }
    assert.equal(new Set(seen.map(([, , cache]) => cache)).size, 3);
  });

  it("takes a 403 without an exception for a login that went wrong: WebHDFS itself names one", async () => {
    const nameNode = await fake((_, response) =>
      response.writeHead(403, "GSSException: Checksum failed", { "content-type": "text/html" }).end("<html>"),
    );
    await assert.rejects(
      clientOf([nameNode.url]).rename("/a", "/b"),
      (error) =>
        isHdfsError(error) &&
        error.code === "FLUME_HDFS_AUTHENTICATION" &&
        error.outcome === "none" &&
        /403 GSSException: Checksum failed/.test(error.message),
    );
  });

  it("logs in by Kerberos once, keeps the cookie, and shows a data node nothing of it", async () => {
    let logins = 0;
    const kerberos: KerberosPackage = {
      initializeClient: async (service) => ({ step: async () => `${service}-${++logins}` }),
    };
    const dataNode = await fake((_, response) => response.writeHead(200).end());
    const nameNode = await fake((_, response) => {
      const headers = { "set-cookie": "hadoop.auth=u; Path=/; HttpOnly", location: `${dataNode.url}/x?delegation=d` };
      response.writeHead(307, headers).end();
    });
    const client = clientOf([nameNode.url], { login: TICKET }, new KerberosLogin(TICKET, async () => kerberos));
    await client.append("/a", contentOf([Buffer.from("x")]));
    await client.append("/a", contentOf([Buffer.from("x")]));
    assert.equal(nameNode.asked[0]?.headers.authorization, "Negotiate HTTP@127.0.0.1-1");
    assert.equal(nameNode.asked[1]?.headers.authorization, undefined);
    assert.equal(nameNode.asked[1]?.headers.cookie, "hadoop.auth=u");
    assert.equal(logins, 1);
    for (const { headers } of dataNode.asked) assert.ok(!headers.authorization && !headers.cookie);
  });

  it("says what to install when Kerberos is wanted and not there", async () => {
    const login = new KerberosLogin(TICKET, async () => {
      throw new HeadraceError("FLUME_HDFS_KERBEROS_MISSING", { reason: "not installed" });
    });
    const client = clientOf(["http://127.0.0.1:9"], { login: TICKET }, login);
    await assert.rejects(client.status("/a"), { code: "FLUME_HDFS_KERBEROS_MISSING" });
  });

  it("says what answers there when it is no WebHDFS: a page in HTML", async () => {
    const page = await fake((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html><body>Welcome</body></html>"),
    );
    const client = clientOf([page.url]);
    const isNamed = (text: RegExp) => (error: unknown) =>
      isHdfsError(error) && error.code === "FLUME_HDFS_REFUSED" && text.test(error.message);
    await assert.rejects(client.status("/a"), isNamed(/is this the address of WebHDFS/));
    await assert.rejects(client.rename("/a", "/b"), isNamed(/is this the address of WebHDFS/));
    await assert.rejects(
      client.append("/a", contentOf([Buffer.from("x")])),
      (error) => isNamed(/no usable address of a data node/)(error) && isHdfsError(error) && error.outcome === "none",
    );
  });

  it("tells TLS trouble from a port where nobody listens", async () => {
    const plain = await fake((_, response) => json(response, 200, STATUS));
    await assert.rejects(
      clientOf([plain.url.replace("http:", "https:")]).status("/a"),
      (error) => isHdfsError(error) && error.code === "FLUME_HDFS_TLS" && error.outcome === "none",
    );
  });

  it("reads addresses as people write them, and refuses what is none", () => {
    const read = (urls: string) => webHdfsSettings(clusterSettings([urls]), { proxyUser: "", timeout: 1 }).urls;
    assert.deepEqual(read("http://a:9870, https://b:9871/ c:9870"), [
      "http://a:9870",
      "https://b:9871",
      "http://c:9870",
    ]);
    for (const wrong of ["", "hdfs://a:8020", "http://user:secret@a:9870", "ftp://a"]) {
      assert.throws(() => read(wrong), { code: "FLUME_HDFS_ADDRESS" }, wrong);
    }
  });
});
