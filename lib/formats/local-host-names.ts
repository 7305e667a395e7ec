import { lookup, lookupService } from "node:dns/promises";
import { hostname } from "node:os";
import type { HostNames } from "./path-pattern.js";

/** What Java's InetAddress.getLocalHost() gives; the plain name where the network does not know this machine. */
export async function localHostNames(): Promise<HostNames> {
  const localhost = hostname();
  try {
    const { address } = await lookup(localhost);
    const FQDN = await lookupService(address, 0).then(
      (found) => found.hostname,
      () => localhost,
    );
    return { localhost, IP: address, FQDN };
  } catch {
    return { localhost, IP: "127.0.0.1", FQDN: localhost };
  }
}
