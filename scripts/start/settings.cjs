"use strict";
// Settings of the Node-RED that `npm start` runs. What differs from one start to the next comes in the environment.
const { HEADRACE_ROOT, HEADRACE_PORT, HEADRACE_CREDENTIAL_SECRET } = process.env;

// When the script that started this process is killed outright, nobody is left to pass a signal on.
const stop = () => process.kill(process.pid, "SIGTERM");
if (process.connected) process.once("disconnect", stop);
else stop();

module.exports = {
  uiHost: "127.0.0.1",
  uiPort: Number(HEADRACE_PORT),
  flowFile: "flows.json",
  flowFilePretty: true,
  credentialSecret: HEADRACE_CREDENTIAL_SECRET,
  nodesDir: HEADRACE_ROOT,
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
  // The runtime itself gives a node 15 s to close; our nodes use at most 10 s of them.
  nodeCloseTimeout: 15_000,
};
