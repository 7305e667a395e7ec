/**
 * What the palette shows of each role, from top to bottom. Node-RED puts the parts of a category (behind the dash)
 * below each other in the order in which they are first registered, which is that of package.json.
 * Colours are from the muted list of Node-RED's guide; none of them carries a meaning that words do not.
 * @type {Readonly<Record<string, { category: string, color: string, inputs: number, align?: string }>>}
 */
export const roles = {
  source: { category: "flume-source", color: "#87A980", inputs: 0 },
  channel: { category: "flume-channel", color: "#A6BBCF", inputs: 1 },
  sink: { category: "flume-sink", color: "#DEB887", inputs: 1, align: "right" },
  routing: { category: "flume-routing", color: "#D8BFD8", inputs: 1 },
  config: { category: "config", color: "#C0C0C0", inputs: 0 },
};

export const roleOrder = Object.keys(roles);
