// The raw ceiling: what HDFS takes by WebHDFS from anybody. A plain script without Node-RED or palette appends the same
// bytes again and again to so many files at once, each request one buffer.
//   node webhdfs-appends.js NAME_NODE FOLDER USER BYTES_PER_APPEND FILES MILLISECONDS
// Prints {"bytesPerSecond":…,"peakRss":…} for the time after a first quarter more.
import { Agent, request } from "node:http";

const [nameNode = "", folder = "", user = "", ...numbers] = process.argv.slice(2);
const [bytesPerAppend = 0, files = 0, milliseconds = 0] = numbers.map(Number);
if (!(bytesPerAppend > 0 && files > 0 && milliseconds > 0)) throw new Error("see the comment in webhdfs-appends.ts");

const agent = new Agent({ keepAlive: true });
const body = Buffer.alloc(bytesPerAppend, "x");
const warmUp = milliseconds / 4;
let written = 0;

/** Resolves with the address that the answer names, if any. */
function ask(method: string, url: string, content?: Buffer): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const headers = content ? { "content-length": content.length, "content-type": "application/octet-stream" } : {};
    const asking = request(url, { method, agent, headers }, (answer) => {
      const { statusCode = 0, headers: told } = answer;
      answer.resume().on("end", () => {
        if (statusCode < 400) resolve(told.location);
        else reject(new Error(`${method} ${url}: status ${statusCode}`));
      });
    });
    asking.on("error", reject);
    asking.end(content);
  });
}

async function write(operation: string, method: string, path: string, content: Buffer): Promise<void> {
  const where = await ask(method, `${nameNode}/webhdfs/v1${path}?op=${operation}&user.name=${user}&overwrite=true`);
  if (where === undefined) throw new Error("no data node was named");
  await ask(method, where, content);
}

async function fill(path: string, until: number): Promise<void> {
  await write("CREATE", "PUT", path, Buffer.from("x"));
  while (performance.now() < until) {
    await write("APPEND", "POST", path, body);
    written += body.length;
  }
}

async function main(): Promise<void> {
  const started = performance.now();
  let [before, from] = [0, 0];
  setTimeout(() => ([before, from] = [written, performance.now()]), warmUp);
  await Promise.all(Array.from({ length: files }, (_, i) => fill(`${folder}/${i}`, started + warmUp + milliseconds)));
  const bytesPerSecond = ((written - before) * 1000) / (performance.now() - from);
  console.log(JSON.stringify({ bytesPerSecond, peakRss: process.resourceUsage().maxRSS * 1024 }));
  agent.destroy();
}

void main();
