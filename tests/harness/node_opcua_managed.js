// A server of another make that lets its certificates be managed (OPC UA Part 12): one line of JSON on stdin says how.
const { once } = require("node:events");
const readline = require("node:readline");
const { WellKnownRoles, makeRoles } = require("node-opcua-address-space");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { OPCUAServer } = require("node-opcua-server");
const { installPushCertificateManagementOnServer } = require("node-opcua-server-configuration");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");

async function main() {
  const [line] = await once(readline.createInterface({ input: process.stdin }), "line");
  const wanted = JSON.parse(line);
  const pki = new OPCUACertificateManager({ rootFolder: wanted.pki, automaticallyAcceptUnknownCertificate: true });
  await pki.initialize();
  const users = { [wanted.admin]: WellKnownRoles.SecurityAdmin, [wanted.operator]: WellKnownRoles.Operator };
  const server = new OPCUAServer({
    host: "127.0.0.1",
    hostname: "127.0.0.1",
    port: wanted.port,
    resourcePath: "/UA/Managed",
    serverCertificateManager: pki,
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.Basic256Sha256],
    allowAnonymous: false,
    userManager: {
      isValidUser: (user, password) => user in users && password === wanted.password,
      getUserRoles: (user) => makeRoles([WellKnownRoles.AuthenticatedUser, users[user]]),
    },
    serverInfo: { applicationUri: "urn:others:managed" },
  });
  await server.initialize();
  await installPushCertificateManagementOnServer(server);
  await server.start();
  process.stdout.write(`${JSON.stringify({ url: server.getEndpointUrl(), uri: server.serverInfo.applicationUri })}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
