import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { withoutLogin } from "../../engine/addresses.js";
import type { SharedSettings } from "../../engine/component.js";
import { HeadraceError } from "../../engine/errors.js";
import { isDelegationToken } from "./delegation-token.js";
import type { KerberosIdentity } from "./kerberos-login.js";
import { parsedUrl } from "./parsed-url.js";

/** How a client says who it is. */
export type HdfsLogin =
  | { readonly kind: "simple"; readonly user: string }
  | { readonly kind: "token"; readonly token: string }
  | ({ readonly kind: "kerberos" } & KerberosIdentity);

export interface WebHdfsSettings {
  /** `http://host:9870` of each name node, or of one HttpFS. Never empty. */
  readonly urls: readonly string[];
  readonly login: HdfsLogin;
  readonly tls: ConnectionOptions | undefined;
  /** For whom to act, by the rights of the one who logs in (`hdfs.proxyUser`); empty for nobody. */
  readonly proxyUser: string;
  /** Milliseconds for each request. */
  readonly timeout: number;
}

/**
 * Reads what an hdfs-cluster node holds.
 * @throws HeadraceError FLUME_HDFS_ADDRESS when an address is none, FLUME_HDFS_TOKEN when a delegation token is none
 */
export function webHdfsSettings(
  cluster: SharedSettings,
  { proxyUser, timeout }: { proxyUser: string; timeout: number },
): WebHdfsSettings {
  const text = (name: string) => String(cluster.config[name] ?? "").trim();
  return {
    urls: addressesOf(text("urls")),
    login: loginOf(text("authentication"), text),
    tls: cluster.shared["tls"]?.config,
    proxyUser,
    timeout,
  };
}

function loginOf(kind: string, text: (name: string) => string): HdfsLogin {
  if (kind === "token") {
    const token = text("delegationToken");
    if (!isDelegationToken(token)) throw new HeadraceError("FLUME_HDFS_TOKEN");
    return { kind, token };
  }
  if (kind === "kerberos") return { kind, principal: text("kerberosPrincipal"), keyTab: text("kerberosKeytab") };
  return { kind: "simple", user: text("user") || userInfo().username };
}

function addressesOf(value: string): string[] {
  const addresses = value.split(/[\s,;]+/).filter((part) => part !== "");
  if (addresses.length === 0) throw new HeadraceError("FLUME_HDFS_ADDRESS", { value });
  return addresses.map((address) => {
    const url = parsedUrl(address.includes("://") ? address : `http://${address}`);
    if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
      throw new HeadraceError("FLUME_HDFS_ADDRESS", { value: withoutLogin(address) });
    }
    return url.origin;
  });
}
