// node-opcua as its documentation shows it: a group of monitored items and its "changed" event.
"use strict";

const { parseArgs } = require("node:util");
const {
  AttributeIds, ClientMonitoredItemGroup, ClientSubscription, OPCUAClient, TimestampsToReturn, coerceNodeId,
} = require("node-opcua-client");

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ["items", "first", "queue", "interval-ms", "warm-up", "seconds"].map((name) => [name, { type: "string" }])
  ),
});
const number = (name) => Number(options[name]);
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function main() {
  const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 3 } });
  await client.connect(positionals[0]);
  const session = await client.createSession();
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: number("interval-ms"), requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 20, maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
  });
  const items = Array.from({ length: number("items") }, (_, item) => ({
    nodeId: coerceNodeId(`ns=2;i=${number("first") + item}`), attributeId: AttributeIds.Value,
  }));
  let values = 0;
  for (let start = 0; start < items.length; start += 1000) {
    const group = ClientMonitoredItemGroup.create(
      subscription, items.slice(start, start + 1000),
      { samplingInterval: 0, discardOldest: true, queueSize: number("queue") }, TimestampsToReturn.Both
    );
    group.on("changed", () => { values += 1; });
    await new Promise((resolve, reject) => { group.once("initialized", resolve); group.once("err", reject); });
  }
  await sleep(number("warm-up"));
  const before = { values, cpu: process.cpuUsage(), wall: process.hrtime.bigint() };
  await sleep(number("seconds"));
  const cpu = process.cpuUsage(before.cpu);
  console.log(JSON.stringify({
    values: values - before.values, cpu: (cpu.user + cpu.system) / 1e6,
    wall: Number(process.hrtime.bigint() - before.wall) / 1e9,
  }));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
