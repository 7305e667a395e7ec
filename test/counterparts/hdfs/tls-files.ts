import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const PASSWORD = "headrace";

/**
 * Makes a certificate for `localhost` with Java's keytool, and what Hadoop wants to know of it, in this folder.
 * @returns the certificate, in PEM
 */
export async function tlsFiles(folder: string): Promise<string> {
  const keyStore = join(folder, "keys.p12");
  const common = ["-alias", "hdfs", "-keystore", keyStore, "-storepass", PASSWORD];
  await run("keytool", [
    ...["-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-validity", "2", "-storetype", "PKCS12"],
    ...["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"],
    ...common,
  ]);
  const settings = {
    "ssl.server.keystore.location": keyStore,
    "ssl.server.keystore.password": PASSWORD,
    "ssl.server.keystore.keypassword": PASSWORD,
    "ssl.server.keystore.type": "PKCS12",
  };
  const entries = Object.entries(settings).map(
    ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>`,
  );
  await writeFile(join(folder, "ssl-server.xml"), `<configuration>${entries.join("")}</configuration>`);
  const certificate = join(folder, "hdfs.pem");
  await run("keytool", ["-exportcert", "-rfc", "-file", certificate, ...common]);
  return await readFile(certificate, "utf8");
}
