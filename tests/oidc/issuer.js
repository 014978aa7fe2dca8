// A certified OpenID Connect issuer, for tests: it issues JWT access tokens to a client, and rotates its keys on request.
//
//   node issuer.js PORT FILE     FILE has the private keys in JSON; a change of it is loaded by SIGHUP
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, file] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function handler() {
  const settings = JSON.parse(readFileSync(file, "utf8"));
  const provider = new Provider(issuer, {
    jwks: { keys: settings.keys },
    clients: settings.subjects.map((subject) => ({
      client_id: subject,
      client_secret: "a-secret-of-a-test",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: settings.algorithm,
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: "wallet",
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: settings.lifetime_seconds,
          jwt: { sign: { alg: settings.algorithm } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({ sub: token.clientId, ...settings.claims[token.clientId] }),
  });
  return provider.callback();
}

let serve = handler();
process.on("SIGHUP", () => {
  serve = handler();
  console.log("loaded");
});
createServer((request, response) => serve(request, response)).listen(Number(port), "127.0.0.1", () => console.log("ready"));
