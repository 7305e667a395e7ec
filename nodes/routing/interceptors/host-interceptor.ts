import { hostname, networkInterfaces } from "node:os";
import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";
import { setHeader } from "./set-header.js";

/** Sets a header to this machine's address or name, looked up once. */
export class HostInterceptor implements Interceptor {
  readonly #header: string;
  readonly #host: string;
  readonly #preserve: boolean;

  constructor(rule: { hostHeader: string; useIP: boolean; preserveExisting: boolean }) {
    this.#header = rule.hostHeader;
    this.#preserve = rule.preserveExisting;
    this.#host = rule.useIP ? address() : hostname();
  }

  intercept(batch: InterceptedBatch): void {
    setHeader(batch, this.#header, this.#host, this.#preserve);
  }
}

/** The first address that others can reach, IPv4 before IPv6; loopback when there is none. */
function address(): string {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const outside = all.filter(({ internal }) => !internal);
  return (outside.find(({ family }) => family === "IPv4") ?? outside[0])?.address ?? "127.0.0.1";
}
