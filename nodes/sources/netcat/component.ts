import type { SourceComponent } from "../../../lib/engine/component.js";
import { boolean, number, text } from "../../../lib/engine/properties.js";
import { NetcatSource } from "./netcat-source.js";

const properties = {
  bind: text("127.0.0.1", { flumeKey: "bind", required: true, format: "host" }),
  port: number(44444, { flumeKey: "port", required: true, min: 1, max: 65_535 }),
  maxLineLength: number(512, { flumeKey: "max-line-length", min: 2, max: 16 * 1024 * 1024, unit: "chars" }),
  ackEveryEvent: boolean(true, { flumeKey: "ack-every-event" }),
  encoding: text("utf-8", { flumeKey: "encoding", required: true, format: "charset", advanced: true }),
};

export const component: SourceComponent<typeof properties> = {
  type: "flume-netcat-source",
  role: "source",
  flumeType: "netcat",
  properties,
  icon: "flume-netcat-source.svg",
  outputs: 1,
  guarantee: "best-effort",
  labelProperty: "port",
  create: (config, context) => new NetcatSource(config, context),
};
