import assert from "node:assert/strict";
import { endpointOf } from "../../lib/protocols/loghub/endpoint.js";
import { logStoreSettings } from "../../lib/protocols/loghub/project-settings.js";
import { contentMd5, signatureV1 } from "../../lib/protocols/loghub/signature-v1.js";
import { sha256, signatureV4 } from "../../lib/protocols/loghub/signature-v4.js";
import { hasZstd } from "./emulator/compression.js";
import { Clients, failsWith, projectOf } from "./support/clients.js";

describe("LogHub client: what it is told", function () {
  this.timeout(60_000);
  const { start, log } = new Clients();

  describe("signatures are those of the official clients' tests", () => {
    const date = "Mon, 3 Jan 2010 08:33:47 GMT";
    const headers = { "x-log-apiversion": "0.6.0", "x-log-signaturemethod": "hmac-sha1", date };
    const secret = "mockAccessKeySecret";

    it("V1", () => {
      assert.equal(
        signatureV1(
          { method: "GET", path: "/logstores", query: {}, headers: { ...headers, "x-log-bodyrawsize": "0" } },
          "mockAccessKeyID",
          secret,
        ),
        "LOG mockAccessKeyID:Rwm6cTKzoti4HWoe+GKcb6Kv07E=",
      );
      const body = Buffer.from(
        "0a320a1e08f8b2939e0512160a07546573744b6579120b54657374436f6e74656e741a00220e31302e3233302e3230312e313137",
        "hex",
      );
      const more = {
        "x-log-bodyrawsize": "50",
        "content-md5": contentMd5(body),
        "content-type": "application/x-protobuf",
        // Not signed in V1.
        "x-log-date": "20260101T000000Z",
      };
      assert.equal(
        signatureV1(
          { method: "GET", path: "/logstores/app_log", query: {}, headers: { ...headers, ...more } },
          "mockAccessKeyID",
          secret,
        ),
        "LOG mockAccessKeyID:87xQWqFaOSewqRIma8kPjGYlXHc=",
      );
    });

    it("V4", () => {
      const query = { " abc": "efg", " agc ": "", "": "efg", "A-bc": "eFg" };
      const complex = { ...query, "abs-ij*asd/vc": "a~js+d ada", "a abAas123/vc": "a~jdad a2ADFs+d ada" };
      const usual = { hello: "world", "x-log-test": "het123", "x-acs-ppp": "dds", "x-log-meta-x": "not signed" };
      const body = "adasd= -asd zcas";
      const [H, S] = ["cn-hangzhou", "cn-shanghai"];
      const cases: [string, string, string, Record<string, string>, Record<string, string>, string, string][] = [
        [
          "POST",
          "/logstores",
          body,
          query,
          usual,
          H,
          "a98f5632e93836e63839cd836a54055f480020a9364ca944e2d34f2eb9bf1bed",
        ],
        ["POST", "/logstores", body, {}, {}, S, "8a10a5e723cb2e75964816de660b2c16a58af8bc0261f7f0722d832468c76ce8"],
        ["POST", "/logstores", "", query, usual, H, "5a66d8f8051983e0e9d08e0f960ef9252ef971eead5bb5c7acec8617a2eb2701"],
        ["GET", "/logstores", "", query, usual, H, "d92741852500791d662a8d469ff61627c0559ecd86c3f59b7bf6772b6c62666a"],
        [
          "POST",
          "/logstores/hello/a+*~bb/cc",
          body,
          complex,
          usual,
          H,
          "2c204068e961a8813a6bcf7ac422f7fa6e9bf9a5da493e0165dfe100854d18ff",
        ],
      ];
      for (const [method, path, text, parameters, more, region, signature] of cases) {
        const signed = {
          ...more,
          "x-log-date": "20220808T032330Z",
          "x-log-content-sha256": sha256(Buffer.from(text)),
        };
        assert.equal(
          signatureV4({ method, path, query: parameters, headers: signed }, "acsddda21dsd", "zxasdasdasw2", region),
          `SLS4-HMAC-SHA256 Credential=acsddda21dsd/20220808/${region}/sls/aliyun_v4_request,Signature=${signature}`,
        );
      }
    });
  });

  describe("endpoints", () => {
    it("the project goes before a name, and not before an address; the region is told by the name", () => {
      const end = (text: string) => endpointOf(text, "my-project");
      assert.deepEqual(end("cn-hangzhou.log.aliyuncs.com"), {
        secure: true,
        hostname: "my-project.cn-hangzhou.log.aliyuncs.com",
        port: 443,
        host: "my-project.cn-hangzhou.log.aliyuncs.com",
        region: "cn-hangzhou",
      });
      for (const kind of ["-intranet", "-share", "-vpc", "-internal"]) {
        assert.equal(end(`http://ap-southeast-1${kind}.log.aliyuncs.com`).region, "ap-southeast-1");
      }
      assert.deepEqual(end("http://127.0.0.1:8080/"), {
        secure: false,
        hostname: "127.0.0.1",
        port: 8080,
        host: "my-project.127.0.0.1:8080",
        region: undefined,
      });
      assert.equal(end("localhost").hostname, "localhost");
      for (const wrong of ["", "http://", "https://a/b", "ftp://x", "a b", "https://u:p@host"]) {
        assert.throws(() => end(wrong), failsWith("FLUME_LOGHUB_SETTING"), wrong);
      }
      assert.throws(() => endpointOf("host", "a.b"), failsWith("FLUME_LOGHUB_SETTING"));
    });

    it("settings that cannot be are named with their field", async () => {
      const service = await start();
      const settings =
        (more: Record<string, unknown>, logstore = "logs") =>
        () =>
          logStoreSettings(projectOf(service, more), { logstore, log });
      const field =
        (name: string) =>
        ({ parameters }: { parameters: object }) =>
          assert.equal((parameters as { field?: string }).field, name);
      assert.throws(settings({ signature: "V4" }), failsWith("FLUME_LOGHUB_SETTING", field("region")));
      assert.throws(settings({ accessKey: " " }), failsWith("FLUME_LOGHUB_KEY_MISSING", field("accessKey")));
      assert.throws(settings({ accessKeyId: "" }), failsWith("FLUME_LOGHUB_KEY_MISSING", field("accessKeyId")));
      assert.throws(settings({}, "a/b"), failsWith("FLUME_LOGHUB_SETTING", field("logstore")));
      assert.throws(
        settings({ credentialSource: "address", credentialsUrl: "file:///etc/passwd" }),
        failsWith("FLUME_LOGHUB_SETTING", field("credentialsUrl")),
      );
      if (!hasZstd) assert.throws(settings({ compression: "zstd" }), failsWith("FLUME_LOGHUB_CODEC_MISSING"));
    });
  });
});
