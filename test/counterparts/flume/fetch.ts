import { MavenJars } from "../maven-jars";

/** Where a fetched Flume lies. */
export interface FlumeInstallation {
  /** The jars of Flume and of all it needs. */
  readonly jars: string;
  /** The class that answers metrics on loopback. */
  readonly monitorClasses: string;
}

const flume = new MavenJars({
  folder: "flume",
  name: "Flume",
  java: 11,
  compile: ["monitor/headrace/counterparts/LoopbackMetrics.java"],
  mainJar: "flume-ng-node-",
  // Two bindings of slf4j on one class path clash; log4j 2 is the one that stays.
  unwanted: /^(slf4j-reload4j|reload4j)-.*\.jar$/,
});

export const flumeUnavailable = () => flume.unavailable();

export async function fetchFlume(): Promise<FlumeInstallation> {
  const { jars, classes } = await flume.fetch();
  return { jars, monitorClasses: classes };
}
