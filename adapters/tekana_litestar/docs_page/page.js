// Everything comes from this server: no fonts, telemetry, proxy or assistants from elsewhere.

// The identifiers in the document's examples, and what each of them stands for.
const EXAMPLES = {
  customer: "0198d2a0-0000-7000-8000-000000000001",
  wallet: "0198d2a0-0000-7000-8000-000000000002",
  transaction: "0198d2a0-0000-7000-8000-000000000003",
  otherWallet: "0198d2a0-0000-7000-8000-000000000004",
  endpoint: "0198d2a0-0000-7000-8000-000000000006",
  delivery: "0198d2a0-0000-7000-8000-000000000007",
  apiKey: "0198d2a0-0000-7000-8000-000000000009",
};

// What only one customer or request can have: an example of it is replaced by a new one for each request.
const NEW_EACH_TIME = {
  "aline@example.com": (number) => `aline.${number}@example.com`,
  "aline.uwase@example.com": (number) => `aline.uwase.${number}@example.com`,
  "+250788123456": (number) => `+25078${number}`,
  "crm-4711": (number) => `crm-${number}`,
};
const EXAMPLE_KEY = "order-1001";

// The fragment of the address that `tekana serve` prints has the API key of development mode. Browsers do not send
// fragments, so the key is not in a request, a log or another page. It is kept for this tab alone.
const KEY_FRAGMENT = /^#key=(tk_[0-9a-f]{32}_[0-9a-f]{64})$/;

function takeKey() {
  const found = KEY_FRAGMENT.exec(location.hash);
  if (found) {
    sessionStorage.setItem("key", found[1]);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("key");
}

const key = takeKey();

async function list(path, token) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  return response.ok ? (await response.json()).items : [];
}

// What the ledger has that can stand in for the examples: the newest of what one page of each list shows to the key or
// token; nothing without one.
async function findIds(token) {
  if (!token) return {};
  const [customers, transactions, endpoints] = await Promise.all([
    list("/v1/customers?status=active&limit=200", token),
    list("/v1/transactions?limit=1", token),
    list("/v1/webhook-endpoints?limit=200", token),
  ]);
  const customer = customers.at(-1);
  const active = (one) => one?.wallets.filter((wallet) => wallet.status === "active") ?? [];
  const wallet = active(customer)[0];
  const others = customers.flatMap(active).filter((one) => one.id !== wallet.id && one.currency === wallet.currency);
  const endpoint = endpoints.at(-1);
  const deliveries = endpoint ? await list(`/v1/webhook-endpoints/${endpoint.id}/deliveries?limit=1`, token) : [];
  return {
    customer: customer?.id,
    wallet: wallet?.id,
    otherWallet: others.at(-1)?.id,
    transaction: transactions[0]?.id,
    endpoint: endpoint?.id,
    delivery: deliveries[0]?.id,
  };
}

function withIds(text, ids) {
  return Object.entries(EXAMPLES).reduce((filled, [name, example]) => filled.replaceAll(example, ids[name] ?? example), text);
}

function withNewContacts(text) {
  const number = String(Date.now()).slice(-7);
  return Object.entries(NEW_EACH_TIME).reduce((filled, [example, make]) => filled.replaceAll(example, make(number)), text);
}

// Replaces every text inside an object, in any depth.
function replaceTexts(object, replace) {
  for (const [name, value] of Object.entries(object ?? {})) {
    if (typeof value === "string") object[name] = replace(value);
    else if (value && typeof value === "object") replaceTexts(value, replace);
  }
}

async function prepare({ requestBuilder }) {
  const token = requestBuilder.security.find((one) => one.name === "Authorization")?.value; // given or typed
  const ids = await findIds(token);
  replaceTexts(requestBuilder.path, (text) => withIds(text, ids));
  if (typeof requestBuilder.body?.value === "string") {
    const filled = withIds(requestBuilder.body.value, ids);
    const changesContacts = requestBuilder.path.raw.startsWith("/v1/customers"); // others, as sign-in, name existing ones
    requestBuilder.body.value = changesContacts ? withNewContacts(filled) : filled;
  }
  if (requestBuilder.headers.get("Idempotency-Key") === EXAMPLE_KEY) {
    const random = crypto.getRandomValues(new Uint32Array(2));
    requestBuilder.headers.set("Idempotency-Key", `${EXAMPLE_KEY}-${random.join("-")}`);
  }
}

async function start() {
  const [response, ids] = await Promise.all([fetch("/api/openapi.json"), findIds(key)]);
  Scalar.createApiReference("#reference", {
    content: withIds(await response.text(), ids),
    onBeforeRequest: prepare,
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: "never",
    hideClientButton: true,
    documentDownloadType: "json",
    defaultOpenAllTags: true,
    operationTitleSource: "summary",
    persistAuth: false,
    authentication: { preferredSecurityScheme: "bearer", securitySchemes: { bearer: { token: key ?? "" } } },
    // Going to a section by its address focuses it, and a frame around half of the page is in the way.
    customCss: "section:focus-visible, .section:focus-visible { outline: none; }",
  });
}

start();
