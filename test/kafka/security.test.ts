import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { SharedSettings } from "../../lib/engine/component.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { kafkaUnavailable } from "../counterparts/kafka/broker.js";
import { type KafkaCluster, startKafka } from "../counterparts/kafka/broker.js";
import { testContext } from "../support/component-context.js";
import { textBatch } from "../support/event-batches.js";
import { skip } from "../support/skip.js";
import { tempDir, type TempDir } from "../support/temp-dir.js";
import { kafkaSink } from "./support/subjects.js";
import { clusterSettings } from "./support/suite-kafka.js";

const run = promisify(execFile);
const PASSWORD = "secret1";

describe("Kafka over TLS, with SASL", function () {
  this.timeout(60_000);
  let cluster: KafkaCluster;
  let folder: TempDir;
  let authority: string;

  before("start Kafka", async function () {
    this.timeout(15 * 60_000);
    const reason = await kafkaUnavailable();
    if (reason !== undefined) skip(this, reason);
    folder = await tempDir();
    const store = folder.file("broker.p12");
    const common = ["-keystore", store, "-storepass", PASSWORD, "-storetype", "PKCS12", "-alias", "broker"];
    await run("keytool", [
      ...["-genkeypair", ...common, "-keyalg", "RSA", "-dname", "CN=broker", "-validity", "2"],
      ...["-ext", "san=ip:127.0.0.1"],
    ]);
    await run("keytool", ["-exportcert", ...common, "-rfc", "-file", folder.file("authority.pem")]);
    authority = await readFile(folder.file("authority.pem"), "utf8");
    const jaas = (module: string, options: string): string =>
      `org.apache.kafka.common.security.${module} required ${options};`;
    cluster = await startKafka({
      heap: "256m",
      clients: {
        protocol: "SASL_SSL",
        scram: ["SCRAM-SHA-256=[name=alice,password=wonder]", "SCRAM-SHA-512=[name=alice,password=wonder]"],
        properties: {
          "ssl.keystore.location": store,
          "ssl.keystore.password": PASSWORD,
          "ssl.keystore.type": "PKCS12",
          "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
          "listener.name.clients.plain.sasl.jaas.config": jaas("plain.PlainLoginModule", 'user_alice="wonder"'),
          "listener.name.clients.scram-sha-256.sasl.jaas.config": jaas("scram.ScramLoginModule", ""),
          "listener.name.clients.scram-sha-512.sasl.jaas.config": jaas("scram.ScramLoginModule", ""),
          "listener.name.clients.oauthbearer.sasl.jaas.config": jaas(
            "oauthbearer.OAuthBearerLoginModule",
            'unsecuredLoginStringClaim_sub="broker"',
          ),
        },
      },
    });
  });

  after("stop Kafka", async () => {
    await cluster?.stop();
    await folder?.remove();
  });

  const settings = (
    more: Parameters<typeof clusterSettings>[1],
    tls: Record<string, unknown> = { ca: authority },
  ): SharedSettings => ({
    ...clusterSettings(cluster.bootstrap, { useTls: true, ...more }),
    shared: { tls: { id: "tls", name: "tls", config: tls, shared: {} } },
  });

  const writeOne = async (shared: SharedSettings): Promise<void> => {
    const sink = kafkaSink(Object.assign(testContext(), { shared: { cluster: shared } }), { topic: "secure" });
    await sink.start();
    try {
      await sink.write(textBatch("x"), NEVER);
    } finally {
      await sink.stop();
    }
  };

  const alice = { username: "alice", password: "wonder" };
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    it(`${mechanism}: the right password, and the wrong one`, async () => {
      await writeOne(settings({ mechanism, ...alice }));
      await assert.rejects(writeOne(settings({ mechanism, ...alice, password: "wrong" })), {
        code: "FLUME_KAFKA_AUTHENTICATION",
      });
    });
  }

  it("OAUTHBEARER: a fixed token, and one from an address", async () => {
    const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const token = `${encode({ alg: "none" })}.${encode({ sub: "alice", iat: now, exp: now + 600 })}.`;
    await writeOne(settings({ mechanism: "OAUTHBEARER", token }));
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers.authorization ?? "");
      response.end(JSON.stringify({ access_token: token, token_type: "bearer" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
      const oauth = { mechanism: "OAUTHBEARER", tokenUrl, oauthClientId: "id", oauthClientSecret: "s" } as const;
      await writeOne(settings(oauth));
      assert.equal(asked[0], `Basic ${Buffer.from("id:s").toString("base64")}`);
    } finally {
      server.close();
    }
  });

  it("a broker that cannot prove itself is refused, and so is a plain connection", async () => {
    await assert.rejects(writeOne(settings({ mechanism: "PLAIN", ...alice }, {})), { code: "FLUME_KAFKA_TLS" });
    const plain = clusterSettings(cluster.bootstrap, { mechanism: "PLAIN", ...alice });
    await assert.rejects(writeOne(plain), { code: "FLUME_KAFKA_UNREACHABLE" });
  });
});
