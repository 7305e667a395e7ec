import type { LogService } from "./log-service.js";

const LOGS_OF_A_GROUP = 100;

/** Writes access logs of a made-up web server, now and then every second, until the service is full or the process ends. */
export function fillWithLogs(service: LogService, perSecond: number): void {
  let number = 0;
  const write = (): void => {
    const time = Math.floor(Date.now() / 1_000);
    for (let left = perSecond; left > 0; left -= LOGS_OF_A_GROUP) {
      const logs = Array.from({ length: Math.min(left, LOGS_OF_A_GROUP) }, () => accessLog(number++, time));
      service.store().appendLogs({ topic: "access", source: "10.0.0.1", tags: [["__hostname__", "web-1"]], logs });
    }
  };
  write();
  setInterval(() => {
    try {
      write();
    } catch {
      // Full: it goes on when the oldest have been forgotten.
    }
  }, 1_000).unref();
}

function accessLog(number: number, time: number) {
  return {
    time,
    contents: [
      ["id", String(number)],
      ["method", number % 7 === 0 ? "POST" : "GET"],
      ["path", `/articles/${number % 1_000}`],
      ["status", number % 50 === 0 ? "404" : "200"],
      ["bytes", String(200 + ((number * 37) % 9_000))],
      ["client", `192.0.2.${number % 256}`],
      ["agent", "Mozilla/5.0 (X11; Linux x86_64)"],
      ["took", String((number * 13) % 500)],
    ] as const,
  };
}
