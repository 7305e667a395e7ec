import { MavenJars } from "../maven-jars";

const kafka = new MavenJars({
  folder: "kafka",
  name: "Kafka 4",
  java: 17,
  mainJar: "kafka_2.13-",
});

export const kafkaUnavailable = () => kafka.unavailable();

/** @returns the folder with the jars of Kafka 4.1 */
export const fetchKafka = async (): Promise<string> => (await kafka.fetch()).jars;
