/** host:port, separated by commas; an address of IP version 6 in brackets. */
export function addressesIn(text: string): string[] {
  return text
    .split(",")
    .map((address) => address.trim())
    .filter((address) => address !== "");
}

/** Whether it is host:port. */
export function isAddress(address: string): boolean {
  const port = Number(/^(?:[^\s:;/[\]]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(address)?.[1]);
  return port >= 1 && port <= 65_535;
}

/** An address, or a text that quotes one, as it may stand in an error: without user, password and token. */
export function withoutLogin(text: string): string {
  const hidden = text.includes("://") ? text.replace(/:\/\/.*@/s, "://…@") : text.replace(/^.*@/s, "…@");
  return hidden.replace(/\b(password|user|delegation)=[^&]*/gi, "$1=…");
}
