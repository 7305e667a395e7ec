import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { NEVER } from "../../lib/engine/delivery.js";
import { RenewableCredentials } from "../../lib/protocols/loghub/credentials.js";
import {
  credentialsOfAddress,
  credentialsOfEnvironment,
  credentialsOfFile,
} from "../../lib/protocols/loghub/credential-sources.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { Clients, failsWith } from "./support/clients.js";

describe("LogHub client: credentials", function () {
  this.timeout(60_000);
  const { start, open } = new Clients();

  let folder: Awaited<ReturnType<typeof tempDir>>;
  before(async () => (folder = await tempDir()));
  after(() => folder.remove());

  const asJson = ({ id, secret, token }: { id: string; secret: string; token: string }, expiresAt?: number) =>
    JSON.stringify({
      Code: "Success",
      AccessKeyId: id,
      AccessKeySecret: secret,
      SecurityToken: token,
      ...(expiresAt === undefined ? {} : { Expiration: new Date(expiresAt).toISOString() }),
    });

  it("a token that has expired is read again from its file, without a deploy", async () => {
    const service = await start();
    const file = folder.file("credentials.json");
    await writeFile(file, asJson(service.issueToken(Date.now() + 600_000)));
    const store = open(service, { credentialSource: "file", credentialsFile: file });
    await store.shards(NEVER);
    // Nobody told that it would expire.
    for (const key of service.keys.values()) Object.assign(key, { tokenExpiresAt: Date.now() - 1 });
    await assert.rejects(store.shards(NEVER), failsWith("FLUME_LOGHUB_KEY"));
    await writeFile(file, asJson(service.issueToken(Date.now() + 600_000)));
    await eventually(
      () =>
        store.shards(NEVER).then(
          () => true,
          () => false,
        ),
      { within: 20_000, what: "the new token" },
    );
  });

  it("a secret that is put right in its file is read without a deploy, too", async () => {
    const service = await start();
    const file = folder.file("keys.json");
    const { id, secret } = service.key;
    const write = (AccessKeySecret: string) => writeFile(file, JSON.stringify({ AccessKeyId: id, AccessKeySecret }));
    await write("mistyped");
    const store = open(service, { credentialSource: "file", credentialsFile: file });
    await assert.rejects(
      store.shards(NEVER),
      failsWith("FLUME_LOGHUB_KEY", ({ parameters }) => assert.equal(parameters["code"], "SignatureNotMatch")),
    );
    await write(secret);
    const works = () =>
      store.shards(NEVER).then(
        () => true,
        () => false,
      );
    await eventually(works, { within: 20_000, what: "the right secret" });
  });

  it("what expires is fetched before it does, by all callers together once, and kept when that fails", async () => {
    let now = 0;
    let fetches = 0;
    let works = true;
    const provider = new RenewableCredentials(
      async () => {
        fetches++;
        await Promise.resolve();
        if (!works) throw new Error("no");
        return { accessKeyId: `id-${fetches}`, accessKeySecret: "s", expiresAt: now + 3_600_000 };
      },
      () => now,
    );
    const ids = await Promise.all([1, 2, 3].map(async () => (await provider.current()).accessKeyId));
    assert.deepEqual(ids, ["id-1", "id-1", "id-1"]);
    now += 3_600_000 - 4 * 60_000;
    works = false;
    assert.equal((await provider.current()).accessKeyId, "id-1");
    assert.equal((await provider.current()).accessKeyId, "id-1");
    assert.equal(fetches, 2);
    now += 10_000;
    works = true;
    const renewed = await provider.current();
    assert.equal(renewed.accessKeyId, "id-3");
    // Refused: others are fetched, but not for each of many callers, nor again and again.
    now += 10_000;
    const others = await Promise.all([1, 2, 3].map(() => provider.renewed(renewed)));
    assert.deepEqual(
      others.map(({ accessKeyId }) => accessKeyId),
      ["id-4", "id-4", "id-4"],
    );
    assert.equal((await provider.renewed(others[0] ?? renewed)).accessKeyId, "id-4");
    now += 10_000_000;
    works = false;
    await assert.rejects(provider.current());
  });

  it("of an instance's role: the name first, then the credentials", async () => {
    const asked: string[] = [];
    const { url, close } = await serve((question, answer) => {
      asked.push(question.url ?? "");
      answer.end(
        question.url === "/ram/" ? "my-role\n" : asJson({ id: "i", secret: "s", token: "t" }, 1_700_000_000_000),
      );
    });
    try {
      const credentials = {
        accessKeyId: "i",
        accessKeySecret: "s",
        securityToken: "t",
        expiresAt: 1_700_000_000_000,
      };
      assert.deepEqual(await credentialsOfAddress(`${url}/ram/`)(), credentials);
      assert.deepEqual(asked, ["/ram/", "/ram/my-role"]);
    } finally {
      close();
    }
  });

  it("answers that are none: too long, elsewhere, refused, no JSON; their text is not told", async () => {
    const good = asJson({ id: "i", secret: "s", token: "t" });
    const { url, close } = await serve((question, answer) => {
      if (question.url === "/long") answer.end(good + " ".repeat(100_000));
      else if (question.url === "/away") answer.writeHead(302, { location: "/good" }).end();
      else if (question.url === "/good") answer.end(good);
      else if (question.url === "/no") answer.writeHead(404).end();
      else answer.end("secret text");
    });
    try {
      for (const path of ["/long", "/away", "/no", "/text", "/role/"]) {
        await assert.rejects(
          credentialsOfAddress(url + path)(),
          failsWith("FLUME_LOGHUB_CREDENTIALS", (error) => assert.ok(!String(error).includes("secret text"))),
          path,
        );
      }
    } finally {
      close();
    }
  });

  it("of the environment, and a file that is not there", async () => {
    const environment = { ALIBABA_CLOUD_ACCESS_KEY_ID: "i", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "s" };
    assert.deepEqual(await credentialsOfEnvironment(environment)(), {
      accessKeyId: "i",
      accessKeySecret: "s",
      securityToken: undefined,
    });
    await assert.rejects(credentialsOfEnvironment({})(), failsWith("FLUME_LOGHUB_CREDENTIALS"));
    await assert.rejects(credentialsOfFile(folder.file("none"))(), failsWith("FLUME_LOGHUB_CREDENTIALS"));
  });
});

async function serve(handle: RequestListener): Promise<{ url: string; close(): void }> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
