import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { SharedSettings } from "../../lib/engine/component.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { kafkaUnavailable } from "../counterparts/kafka/broker.js";
import { type KafkaCluster, startKafka } from "../counterparts/kafka/broker.js";
import { testContext } from "../support/component-context.js";
import { numberBatch, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { TestOutlet } from "../support/outlets.js";
import { freePort } from "../support/ports.js";
import { memory, nullSink, seq, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { skip } from "../support/skip.js";
import { tempDir, type TempDir } from "../support/temp-dir.js";
import { reported } from "./support/reported.js";
import { kafkaSink, kafkaSource } from "./support/subjects.js";
import { clusterSettings } from "./support/suite-kafka.js";
import { TokenServer } from "./support/token-server.js";

const run = promisify(execFile);
const PASSWORD = "secret1";
/** After so many milliseconds a connection must have proved itself anew: the library does so ten seconds before. */
const SESSION = 11_000;
const QUICK = [{ property: "heartbeat.interval.ms", value: "300" }];

/** A key and a certificate that vouches for itself, in a key store for Java. */
async function identity(folder: TempDir, name: string): Promise<{ store: string; certificate: string }> {
  const store = folder.file(`${name}.p12`);
  const certificate = folder.file(`${name}.pem`);
  const common = ["-keystore", store, "-storepass", PASSWORD, "-storetype", "PKCS12", "-alias", name];
  await run("keytool", [
    ...["-genkeypair", ...common, "-keyalg", "RSA", "-dname", `CN=${name}`, "-validity", "2"],
    ...["-ext", "san=ip:127.0.0.1"],
  ]);
  await run("keytool", ["-exportcert", ...common, "-rfc", "-file", certificate]);
  return { store, certificate };
}

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
    const { store, certificate } = await identity(folder, "broker");
    authority = await readFile(certificate, "utf8");
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
          "connections.max.reauth.ms": String(SESSION),
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

  const writeOne = async (shared: SharedSettings, more: Parameters<typeof kafkaSink>[1] = {}): Promise<void> => {
    const sink = kafkaSink(Object.assign(testContext(), { shared: { cluster: shared } }), { topic: "secure", ...more });
    await sink.start();
    try {
      await sink.write(textBatch("x"), NEVER);
    } finally {
      await sink.stop();
    }
  };

  /** As the broker's validator for tests takes it: a JSON Web Token without signature. */
  const tokenFor = (seconds: number): string => {
    const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    return `${encode({ alg: "none" })}.${encode({ sub: "alice", iat: now - 120, exp: now + seconds })}.`;
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
    await writeOne(settings({ mechanism: "OAUTHBEARER", token: tokenFor(600) }));
    const tokens = await TokenServer.start(() => tokenFor(600));
    try {
      await writeOne(settings(tokens.oauth));
      assert.equal(tokens.asked[0], `Basic ${Buffer.from("id:s").toString("base64")}`);
    } finally {
      await tokens.stop();
    }
  });

  it("OAUTHBEARER: a token that the broker refuses is told with its reason, and so is a server that gives none", async () => {
    const refused = (more: Parameters<typeof clusterSettings>[1], reason: RegExp) =>
      assert.rejects(writeOne(settings({ mechanism: "OAUTHBEARER", ...more })), (error) => {
        assert.ok(isHeadraceError(error));
        assert.equal(error.code, "FLUME_KAFKA_AUTHENTICATION");
        assert.match(error.message, reason);
        return true;
      });
    await refused({ token: tokenFor(-60) }, /invalid_token/);
    await refused({ token: "no token at all" }, /OAUTHBEARER/);
    const tokenUrl = `http://127.0.0.1:${await freePort()}/token`;
    await assert.rejects(writeOne(settings({ mechanism: "OAUTHBEARER", tokenUrl })), {
      code: "FLUME_KAFKA_TOKEN_UNAVAILABLE",
      message: new RegExp(`${tokenUrl}.*ECONNREFUSED`),
    });
    await assert.rejects(writeOne(settings({ mechanism: "OAUTHBEARER" })), { code: "FLUME_KAFKA_TOKEN_MISSING" });
    // Whatever comes in place of the JSON may be a token all the same.
    for (const answer of ["SeCrEt", "SeCrEt".repeat(20_000), '["SeCrEt"]']) {
      const tokens = await TokenServer.answering(() => answer);
      await assert.rejects(writeOne(settings(tokens.oauth)), (error) => {
        assert.ok(isHeadraceError(error));
        assert.equal(error.code, "FLUME_KAFKA_TOKEN_UNAVAILABLE");
        assert.doesNotMatch(error.message, /SeCrEt/);
        return true;
      });
      await tokens.stop();
    }
  });

  it("OAUTHBEARER: tokens are renewed on open connections; one that is refused then is told, and the next good one goes on", async function () {
    this.timeout(180_000);
    let good = true;
    const tokens = await TokenServer.start(() => tokenFor(good ? 600 : -60));
    const shared = { cluster: settings(tokens.oauth) };
    const [reading, writing] = ["source", "sink"].map((id) => Object.assign(testContext(id), { shared }));
    assert.ok(reading && writing);
    const source = kafkaSource(reading, { topics: "renewed", batchDurationMillis: 50, consumerProperties: QUICK });
    const sink = kafkaSink(writing, { topic: "renewed" });
    const out = new TestOutlet();
    let written = 0;
    const write = async (): Promise<void> => {
      await sink.write(numberBatch(written, 1), NEVER);
      written++;
    };
    const arrived = () => eventually(() => out.events >= written, { within: 30_000, what: `${written} events` });
    const refused = () =>
      reported(reading, "FLUME_KAFKA_AUTHENTICATION") ?? reported(writing, "FLUME_KAFKA_AUTHENTICATION");
    await sink.start();
    try {
      await write();
      await source.start(out);
      await arrived();
      // Longer than a connection may live without proving itself anew.
      for (const end = Date.now() + SESSION + 2_000; Date.now() < end; ) {
        await write();
        await arrived();
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      assert.ok(tokens.asked.length > 8, `${tokens.asked.length} tokens`);
      assert.equal(refused(), undefined);

      good = false;
      await eventually(
        async () => {
          await write().catch(() => undefined);
          return reported(reading, "FLUME_KAFKA_AUTHENTICATION");
        },
        { within: 30_000, every: 250, what: "a refusal" },
      );
      good = true;
      await eventually(
        async () => {
          await write();
          return true;
        },
        { within: 30_000, what: "a batch with the next token" },
      );
      await arrived();
      await eventually(() => reading.reports.at(-1) === undefined, { within: 20_000, what: "the end of its trouble" });
    } finally {
      await Promise.all([source.stop(), sink.stop()]);
      await tokens.stop();
    }
    const bodies = new Set(out.bodies);
    for (let i = 0; i < written; i++) assert.ok(bodies.has(String(i)), `${i} is lost`);
  });

  it("a certificate for another name is refused, unless the check is turned off as Flume does it", async () => {
    const named = settings({
      mechanism: "PLAIN",
      ...alice,
      brokers: cluster.bootstrap.replace("127.0.0.1", "localhost"),
    });
    await assert.rejects(writeOne(named), {
      code: "FLUME_KAFKA_TLS",
      message: /altnames|alternative names|localhost/i,
    });
    const off = [{ property: "ssl.disableTLSHostnameVerification", value: "true" }];
    await writeOne(named, { producerProperties: off });
  });

  it("a broker that cannot prove itself is refused, and so is a plain connection", async () => {
    await assert.rejects(writeOne(settings({ mechanism: "PLAIN", ...alice }, {})), { code: "FLUME_KAFKA_TLS" });
    const plain = clusterSettings(cluster.bootstrap, { mechanism: "PLAIN", ...alice });
    await assert.rejects(writeOne(plain), { code: "FLUME_KAFKA_UNREACHABLE" });
  });
});

describe("Kafka over TLS, with certificates of clients", function () {
  this.timeout(60_000);
  let cluster: KafkaCluster;
  let folder: TempDir;
  let nodeRed: NodeRed | undefined;

  before("start Kafka", async function () {
    this.timeout(15 * 60_000);
    const reason = await kafkaUnavailable();
    if (reason !== undefined) skip(this, reason);
    folder = await tempDir();
    const [broker, client] = [await identity(folder, "broker"), await identity(folder, "client")];
    await run("openssl", [
      ...["pkcs12", "-in", client.store, "-passin", `pass:${PASSWORD}`],
      ...["-nocerts", "-nodes", "-out", folder.file("client.key")],
    ]);
    const trusted = folder.file("trusted.p12");
    await run("keytool", [
      ...["-importcert", "-noprompt", "-alias", "client", "-file", client.certificate],
      ...["-keystore", trusted, "-storepass", PASSWORD, "-storetype", "PKCS12"],
    ]);
    cluster = await startKafka({
      heap: "256m",
      clients: {
        protocol: "SSL",
        properties: {
          "ssl.keystore.location": broker.store,
          "ssl.keystore.password": PASSWORD,
          "ssl.keystore.type": "PKCS12",
          "ssl.truststore.location": trusted,
          "ssl.truststore.password": PASSWORD,
          "ssl.truststore.type": "PKCS12",
          "listener.name.clients.ssl.client.auth": "required",
        },
      },
    });
  });

  afterEach(async () => {
    await nodeRed?.kill();
    nodeRed = undefined;
  });

  after("stop Kafka", async () => {
    await cluster?.stop();
    await folder?.remove();
  });

  /** Through Node-RED's own tls-config node. */
  const flows = (certificate: Record<string, string>): FlowNode[] => [
    tab(),
    { id: "tls", type: "tls-config", name: "", ca: folder.file("broker.pem"), verifyservercert: true, ...certificate },
    {
      ...{ id: "cluster", type: "flume-kafka-cluster", name: "", brokers: cluster.bootstrap, clientId: "headrace" },
      ...{ useTls: true, tls: "tls", mechanism: "none" },
    },
    seq("seq", ["memory"], { batchSize: 10, totalEvents: 50 }),
    memory("memory", ["sink"]),
    {
      ...{ id: "sink", type: "flume-kafka-sink", z: "tab", name: "", wires: [] },
      ...{ cluster: "cluster", topic: "by-certificate", acks: "all" },
    },
    {
      ...{ id: "source", type: "flume-kafka-source", z: "tab", name: "", wires: [["null"]] },
      ...{ cluster: "cluster", topics: "by-certificate", groupId: "x", autoOffsetReset: "earliest" },
    },
    nullSink("null"),
  ];

  it("without one the broker lets nobody in, and the nodes tell so", async () => {
    nodeRed = await NodeRed.start({ flows: flows({}) });
    for (const id of ["sink", "source"]) {
      await nodeRed.waitForLog(new RegExp(`:${id}\\] .*FLUME_KAFKA_TLS`), { within: 30_000 });
      await nodeRed.comms.waitForStatus(id, ({ fill }) => fill === "red", { within: 20_000 });
    }
  });

  it("with the one of the TLS node events go in and come out", async () => {
    const own = { cert: folder.file("client.pem"), key: folder.file("client.key") };
    nodeRed = await NodeRed.start({ flows: flows(own) });
    const running = nodeRed;
    await eventually(
      async () => {
        const metrics = await running.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
        return metrics["SOURCE.source"]?.["EventAcceptedCount"] === "50";
      },
      { within: 40_000, what: "50 events" },
    );
  });
});
