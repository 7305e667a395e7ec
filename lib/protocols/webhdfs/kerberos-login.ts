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

/**
 * Logs in by SPNEGO (RFC 4559, "Negotiate") with the ticket of the process: from `kinit`, or from the key table that
 * KRB5_CLIENT_KTNAME names. Needs the package `kerberos`, which is loaded here and nowhere else.
 */
export class KerberosLogin {
  readonly #principal: string;
  readonly #load: () => Promise<KerberosPackage>;

  /** `principal`: of the client; empty for the default of the ticket cache. */
  constructor(principal: string, load: () => Promise<KerberosPackage> = loadPackage) {
    this.#principal = principal;
    this.#load = load;
  }

  /** The value of the Authorization header for one request. Rejects with FLUME_HDFS_KERBEROS… */
  async authorization(host: string): Promise<string> {
    const kerberos = await this.#load();
    try {
      const client = await kerberos.initializeClient(`HTTP@${host}`, {
        ...(kerberos.GSS_MECH_OID_SPNEGO === undefined ? {} : { mechOID: kerberos.GSS_MECH_OID_SPNEGO }),
        ...(this.#principal === "" ? {} : { principal: this.#principal }),
      });
      return `Negotiate ${await client.step("")}`;
    } catch (error) {
      throw new HeadraceError("FLUME_HDFS_KERBEROS_FAILED", { host, reason: reasonOf(error) }, error);
    }
  }
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
