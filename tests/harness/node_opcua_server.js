// An OPC UA server of another make, as the tests need it: one line of JSON on stdin says how, one on stdout that it runs.
const { once } = require("node:events");
const readline = require("node:readline");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUADiscoveryServer, OPCUAServer, RegisterServerMethod,
  SecurityPolicy, StatusCodes, Variant, VariantArrayType, standardUnits,
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

// What a client may write, and what it may call: the sum of two Int32.
function addSetpoint(server) {
  const own = server.engine.addressSpace.getOwnNamespace();
  const drive = own.addObject({
    browseName: "Drive", nodeId: "s=machine", organizedBy: server.engine.addressSpace.rootFolder.objects,
  });
  own.addVariable({
    componentOf: drive,
    browseName: "Setpoint",
    nodeId: "s=machine.Setpoint",
    dataType: "Float",
    value: new Variant({ dataType: DataType.Float, value: 20 }),
  });
  const argument = (name) => ({ name, dataType: DataType.Int32, description: { text: name } });
  const add = own.addMethod(drive, {
    browseName: "Add",
    nodeId: "s=machine.Add",
    inputArguments: [argument("A"), argument("B")],
    outputArguments: [argument("Sum")],
  });
  add.bindMethod((inputs, context, done) => {
    const sum = inputs[0].value + inputs[1].value;
    done(null, { statusCode: StatusCodes.Good, outputArguments: [{ dataType: DataType.Int32, value: sum }] });
  });
}

// A tank whose level is too high: the alarm was raised before any client came.
function addAlarm(server) {
  const space = server.engine.addressSpace;
  space.installAlarmsAndConditionsService();
  const own = space.getOwnNamespace();
  const tank = own.addObject({
    browseName: "Tank",
    organizedBy: space.rootFolder.objects,
    notifierOf: space.rootFolder.objects.server,
    eventNotifier: 1,
  });
  const level = own.addVariable({
    componentOf: tank, browseName: "Level", nodeId: "s=tank.Level", dataType: "Double", eventSourceOf: tank,
  });
  const setLevel = (value) => level.setValueFromSource(new Variant({ dataType: DataType.Double, value }));
  setLevel(50);
  own.instantiateExclusiveLimitAlarm("ExclusiveLimitAlarmType", {
    browseName: "LevelAlarm",
    componentOf: tank,
    conditionSource: level,
    inputNode: level,
    highHighLimit: 95,
    highLimit: 80,
    lowLimit: 10,
    lowLowLimit: 5,
  });
  setLevel(90);
}

// What a browse has to understand: a type of its own, units, ranges, states, an array.
function addPress(server) {
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const type = own.addObjectType({ browseName: "PressType" });
  const press = type.instantiate({ browseName: "Press", organizedBy: space.rootFolder.objects, nodeId: "s=press" });
  own.addAnalogDataItem({
    componentOf: press,
    browseName: "Temperature",
    nodeId: "s=press.Temperature",
    description: "Of the mould",
    dataType: "Double",
    engineeringUnitsRange: { low: 20, high: 300 },
    instrumentRange: { low: -50, high: 500 },
    engineeringUnits: standardUnits.degree_celsius,
    value: { get: () => new Variant({ dataType: DataType.Double, value: 180 }) },
  });
  own.addMultiStateDiscrete({
    componentOf: press, browseName: "Mode", nodeId: "s=press.Mode", enumStrings: ["Idle", "Setup", "Automatic"], value: 2,
  });
  own.addTwoStateDiscrete({
    componentOf: press, browseName: "Door", nodeId: "s=press.Door", trueState: "Open", falseState: "Closed", value: false,
  });
  own.addVariable({
    componentOf: press,
    browseName: "Profile",
    nodeId: "s=press.Profile",
    dataType: "Float",
    valueRank: 1,
    arrayDimensions: [4],
    value: { dataType: DataType.Float, arrayType: VariantArrayType.Array, value: new Float32Array(4) },
  });
}

function report(server) {
  process.on("SIGTERM", async () => {
    await server.shutdown(0);
    process.exit(0);
  });
  process.stdout.write(`${JSON.stringify({ url: server.getEndpointUrl(), uri: server.serverInfo.applicationUri })}\n`);
}

async function startDiscoveryServer(wanted, pki) {
  const server = new OPCUADiscoveryServer({
    port: wanted.port,
    hostname: "127.0.0.1",
    serverCertificateManager: pki,
    serverInfo: { applicationUri: wanted.application_uri },
  });
  await server.start();
  report(server);
}

async function main() {
  const wanted = await settings();
  const pki = new OPCUACertificateManager({
    rootFolder: wanted.pki,
    automaticallyAcceptUnknownCertificate: wanted.accept_every_client,
  });
  await pki.initialize();
  if (wanted.discovery_server) {
    await startDiscoveryServer(wanted, pki);
    return;
  }
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
    registerServerMethod: wanted.register_at ? RegisterServerMethod.LDS : RegisterServerMethod.HIDDEN,
    discoveryServerEndpointUrl: wanted.register_at ?? undefined,
    capabilitiesForMDNS: ["DA", "HD"],
  });
  await server.initialize();
  addMachine(server, wanted.variables);
  if (wanted.counter_ms) addCounter(server, wanted.counter_ms);
  if (wanted.alarm) addAlarm(server);
  if (wanted.setpoint) addSetpoint(server);
  if (wanted.press) addPress(server);
  await server.start();
  report(server);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
