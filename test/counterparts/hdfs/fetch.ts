import { MavenJars } from "../maven-jars";

const hdfs = new MavenJars({
  folder: "hdfs",
  name: "HDFS",
  java: 11,
  compile: ["cluster/headrace/counterparts/LoopbackHdfs.java"],
  mainJar: "hadoop-client-minicluster-",
});

export const hdfsUnavailable = () => hdfs.unavailable();
export const fetchHdfs = () => hdfs.fetch();
