// node-opcua's own crawler, from the folder of a load server's variables on.
"use strict";

const { MessageSecurityMode, OPCUAClient, SecurityPolicy } = require("node-opcua-client");
const { NodeCrawler } = require("node-opcua-client-crawler");

async function main() {
  const client = OPCUAClient.create({
    endpointMustExist: false,
    requestedSessionTimeout: 600000,
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    transportTimeout: 120000,
  });
  await client.connect(process.argv[2]);
  const session = await client.createSession();
  const crawler = new NodeCrawler(session);
  let nodes = 0;
  crawler.on("browsed", () => {
    nodes += 1;
  });
  const started = process.hrtime.bigint();
  await crawler.read("ns=2;s=Load");
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const peak_mb = process.resourceUsage().maxRSS / 1000;
  await session.close();
  await client.disconnect();
  console.log(JSON.stringify({ nodes, seconds, peak_mb }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
