// node-opcua's own way to subscribe many variables.
"use strict";

const {
  AttributeIds, ClientMonitoredItemGroup, OPCUAClient, TimestampsToReturn, coerceNodeId,
} = require("node-opcua-client");

async function main() {
  const [url, items, first] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 3 } });
  await client.connect(url);
  const session = await client.createSession();
  const nodes = Array.from({ length: items }, (_, item) => ({
    nodeId: coerceNodeId(`ns=2;i=${first + item}`), attributeId: AttributeIds.Value,
  }));
  const started = process.hrtime.bigint();
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 1000, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
  });
  for (let start = 0; start < nodes.length; start += 1000) {
    const group = ClientMonitoredItemGroup.create(
      subscription, nodes.slice(start, start + 1000),
      { samplingInterval: 0, discardOldest: true, queueSize: 10 }, TimestampsToReturn.Both
    );
    await new Promise((resolve, reject) => { group.once("initialized", resolve); group.once("err", reject); });
  }
  console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - started) / 1e9 }));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
