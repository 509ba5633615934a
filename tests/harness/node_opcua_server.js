// An OPC UA server of another make, as the tests need it: one line of JSON on stdin says how, one on stdout that it runs.
const { once } = require("node:events");
const readline = require("node:readline");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, StatusCodes,
  Variant,
} = require("node-opcua");

const MODES = { None: MessageSecurityMode.None, Sign: MessageSecurityMode.Sign, SignAndEncrypt: MessageSecurityMode.SignAndEncrypt };

async function settings() {
  const [line] = await once(readline.createInterface({ input: process.stdin }), "line");
  return JSON.parse(line);
}

function addMachine(server, variables) {
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const machine = own.addObject({ browseName: "Machine", organizedBy: space.rootFolder.objects });
  for (let number = 0; number < variables; number += 1) {
    own.addVariable({
      componentOf: machine,
      browseName: `V${number}`,
      nodeId: `s=machine.V${number}`,
      dataType: "Double",
      minimumSamplingInterval: 50,
      value: { get: () => new Variant({ dataType: DataType.Double, value: number + Math.sin(Date.now() / 1000) }) },
    });
  }
}

// A counter that keeps its history: 1, 2, 3, … with its own source timestamps.
function addCounter(server, everyMs) {
  const space = server.engine.addressSpace;
  const counter = space.getOwnNamespace().addVariable({
    organizedBy: space.rootFolder.objects,
    browseName: "Counter",
    nodeId: "s=machine.Counter",
    dataType: "Double",
    minimumSamplingInterval: 0,
  });
  space.installHistoricalDataNode(counter, { maxOnlineValues: 100000 });
  let count = 0;
  return setInterval(() => {
    count += 1;
    counter.setValueFromSource(new Variant({ dataType: DataType.Double, value: count }), StatusCodes.Good, new Date());
  }, everyMs);
}

async function main() {
  const wanted = await settings();
  const pki = new OPCUACertificateManager({
    rootFolder: wanted.pki,
    automaticallyAcceptUnknownCertificate: wanted.accept_every_client,
  });
  await pki.initialize();
  const server = new OPCUAServer({
    host: "127.0.0.1",
    hostname: wanted.hostname,
    port: wanted.port,
    resourcePath: "/UA/Test",
    serverCertificateManager: pki,
    securityModes: wanted.modes.map((mode) => MODES[mode]),
    securityPolicies: wanted.policies.map((policy) => SecurityPolicy[policy]),
    allowAnonymous: wanted.anonymous,
    userManager: { isValidUser: (user, password) => user === wanted.username && password === wanted.password },
    buildInfo: { productName: "Machine of another make", softwareVersion: "4.2", manufacturerName: "Others" },
    serverInfo: { applicationUri: wanted.application_uri },
    reverseConnect: wanted.reverse_connect
      ? { connections: wanted.reverse_connect.map((url) => ({ endpointUrl: url })), reconnectDelay: 200 }
      : undefined,
  });
  await server.initialize();
  addMachine(server, wanted.variables);
  if (wanted.counter_ms) addCounter(server, wanted.counter_ms);
  await server.start();
  process.on("SIGTERM", async () => {
    await server.shutdown(0);
    process.exit(0);
  });
  process.stdout.write(`${JSON.stringify({ url: server.getEndpointUrl(), uri: server.serverInfo.applicationUri })}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
