import { createHash } from "node:crypto";
import { access, constants } from "node:fs/promises";
import { resolve } from "node:path";
import { HeadraceError, reasonOf } from "../../engine/errors.js";

/** The part of the npm package `kerberos` that is used. */
export interface KerberosPackage {
  initializeClient(service: string, options: Readonly<Record<string, unknown>>): Promise<KerberosClient>;
  readonly GSS_MECH_OID_SPNEGO?: unknown;
}

interface KerberosClient {
  /** @returns the token for the server, in base64 */
  step(challenge: string): Promise<string>;
}

export interface KerberosIdentity {
  /** Of the client; empty for that of the ticket cache, or the first of the key table. */
  readonly principal: string;
  /** The file with its keys; empty for the ticket of the process: of `kinit`, or of what KRB5_CLIENT_KTNAME names. */
  readonly keyTab: string;
}

/**
 * Logs in by SPNEGO (RFC 4559, "Negotiate"), with tickets that MIT's library gets and renews. Needs the package
 * `kerberos`, which is loaded here and nowhere else.
 */
export class KerberosLogin {
  readonly #identity: KerberosIdentity;
  readonly #load: () => Promise<KerberosPackage>;

  constructor(identity: KerberosIdentity, load: () => Promise<KerberosPackage> = loadPackage) {
    this.#identity = identity;
    this.#load = load;
  }

  /** The value of the Authorization header for one request. Rejects with FLUME_HDFS_KERBEROS… */
  async authorization(host: string): Promise<string> {
    const { principal, keyTab } = this.#identity;
    const kerberos = await this.#load();
    const environment = keyTab === "" ? {} : await environmentFor(this.#identity);
    try {
      return await inTurn(environment, async () => {
        const client = await kerberos.initializeClient(`HTTP@${host}`, {
          ...(kerberos.GSS_MECH_OID_SPNEGO === undefined ? {} : { mechOID: kerberos.GSS_MECH_OID_SPNEGO }),
          ...(principal === "" ? {} : { principal }),
        });
        return `Negotiate ${await client.step("")}`;
      });
    } catch (error) {
      throw new HeadraceError("FLUME_HDFS_KERBEROS_FAILED", { host, reason: reasonOf(error) }, error);
    }
  }
}

type Environment = Readonly<Record<string, string>>;

/**
 * What tells MIT's library of a key table, and where to keep the tickets that it gets with it: in the memory of this
 * process, apart from those of other principals. Rejects with FLUME_HDFS_KERBEROS_KEYTAB.
 */
async function environmentFor({ principal, keyTab }: KerberosIdentity): Promise<Environment> {
  const path = resolve(keyTab);
  try {
    // The library takes a key table that it cannot read for none at all.
    await access(path, constants.R_OK);
  } catch (error) {
    throw new HeadraceError("FLUME_HDFS_KERBEROS_KEYTAB", { path, reason: reasonOf(error) }, error);
  }
  const cache = createHash("sha256").update(`${principal}\0${path}`).digest("hex").slice(0, 16);
  return { KRB5_CLIENT_KTNAME: `FILE:${path}`, KRB5CCNAME: `MEMORY:headrace-${cache}` };
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** The library reads the environment, of which a process has one: logins take turns. */
function inTurn<T>(environment: Environment, work: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(async () => {
    const before = Object.keys(environment).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, environment);
    try {
      return await work();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
  lastTurn = turn.catch(() => undefined);
  return turn;
}

async function loadPackage(): Promise<KerberosPackage> {
  // Not a literal: it is optional, and types and bundlers must not look for it.
  const name = "kerberos";
  try {
    const loaded = (await import(name)) as KerberosPackage & { default?: KerberosPackage };
    return loaded.default ?? loaded;
  } catch (error) {
    throw new HeadraceError("FLUME_HDFS_KERBEROS_MISSING", { reason: reasonOf(error) }, error);
  }
}
