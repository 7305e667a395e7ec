import { tempDir } from "../../support/temp-dir";
import { fetchKerberosClient, kerberosClientUnavailable } from "../kerberos/client";
import { type Kdc, kdcUnavailable, startKdc } from "../kerberos/kdc";
import { type HdfsCluster, type HdfsOptions, startHdfs } from "./cluster";
import { hdfsUnavailable } from "./fetch";
import { tlsFiles } from "./tls-files";

/** An HDFS that lets nobody in without a ticket or a token, over TLS alone, and its key distribution centre. */
export interface SecureHdfs {
  readonly cluster: HdfsCluster;
  readonly kdc: Kdc;
  /** The keys of the principals `flume`, a superuser who may act for alice, and `alice`, a user like others. */
  readonly keyTab: string;
  /** The certificate of all of its nodes, in PEM. */
  readonly ca: string;
  readonly caFile: string;
  /** The npm package `kerberos`. */
  readonly clientPackage: string;
  stop(): Promise<void>;
}

/** Why there can be none here, in words for a person. */
export async function secureHdfsUnavailable(): Promise<string | undefined> {
  return (await hdfsUnavailable()) ?? (await kdcUnavailable()) ?? (await kerberosClientUnavailable());
}

export async function startSecureHdfs(options: HdfsOptions = {}): Promise<SecureHdfs> {
  const clientPackage = await fetchKerberosClient();
  const folder = await tempDir();
  const stops = [() => folder.remove()];
  const stop = async () => {
    for (const one of stops.toReversed()) await one();
  };
  try {
    const kdc = await startKdc();
    stops.push(() => kdc.stop());
    const serverKeys = await kdc.keyTab("server", "hdfs/localhost", "HTTP/localhost");
    const keyTab = await kdc.keyTab("flume", "flume", "alice");
    const ca = await tlsFiles(folder.path);
    const cluster = await startHdfs({
      ...options,
      tlsFolder: folder.path,
      kerberos: { conf: kdc.conf, keyTab: serverKeys },
      properties: {
        // None of them is a user of this machine.
        "hadoop.user.group.static.mapping.overrides": "hdfs=supergroup;flume=supergroup;alice=staff",
        "hadoop.proxyuser.flume.hosts": "*",
        "hadoop.proxyuser.flume.users": "alice",
        // A data node that finds no name node takes that for a ticket that has ended, of which it gets one a minute.
        "hadoop.kerberos.min.seconds.before.relogin": "1",
        ...options.properties,
      },
    });
    stops.push(() => cluster.stop());
    return { cluster, kdc, keyTab, ca, caFile: folder.file("hdfs.pem"), clientPackage, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
