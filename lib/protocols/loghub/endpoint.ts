import { isIP } from "node:net";
import { withoutLogin } from "../../engine/addresses.js";
import { HeadraceError } from "../../engine/errors.js";

/** Where a project is reached. */
export interface Endpoint {
  readonly secure: boolean;
  /** What to connect to. */
  readonly hostname: string;
  readonly port: number;
  /** The header Host: it tells the service which project is meant. */
  readonly host: string;
  /** Undefined where the endpoint does not tell it. */
  readonly region: string | undefined;
}

/**
 * `cn-hangzhou.log.aliyuncs.com` or a URL; without a scheme it is https. The project goes before it, except where that
 * could not be looked up: an IP address, or localhost. Throws FLUME_LOGHUB_SETTING.
 */
export function endpointOf(text: string, project: string): Endpoint {
  const url = parsed(text.trim());
  if (!url) {
    const wanted = "a host such as cn-hangzhou.log.aliyuncs.com, or http(s)://host:port";
    throw setting("endpoint", withoutLogin(text), wanted);
  }
  // By Log Service's rules 3 to 63 characters; it becomes a part of a host name.
  if (!/^[a-z0-9][a-z0-9-]*$/i.test(project)) throw setting("project", project, "letters, digits and hyphens");
  const bare = url.hostname.replace(/^\[|\]$/g, "");
  const direct = isIP(bare) !== 0 || bare === "localhost";
  const secure = url.protocol === "https:";
  return {
    secure,
    hostname: direct ? bare : `${project}.${bare}`,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    host: `${project}.${url.host}`,
    region: regionOf(bare),
  };
}

function parsed(text: string): URL | undefined {
  try {
    const url = new URL(/^https?:\/\//i.test(text) ? text : `https://${text}`);
    return /^\/?$/.test(url.pathname) && url.search === "" && url.hash === "" && url.username === "" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Of a public, VPC, classic-network or shared address. */
function regionOf(hostname: string): string | undefined {
  return /^([a-z0-9-]+?)(?:-intranet|-internal|-share|-vpc)?\.log\.aliyuncs\.com$/i.exec(hostname)?.[1]?.toLowerCase();
}

export function setting(field: string, value: string, wanted: string): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_SETTING", { field, value, wanted });
}
