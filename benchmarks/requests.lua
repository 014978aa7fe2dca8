-- The requests of wrk. Arguments: kind (random, hot, deposit, batch or wallet), number of wallets, name of the run (in every
-- key). At the end it prints one line of JSON, in the format of `client.py`.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

local kind, wallets, run
local sent = 0
unexpected = 0 -- wrong statuses that wrk counts as success; a variable of the thread, hence not local

function init(args)
  kind, wallets, run = args[1], tonumber(args[2]), args[3]
  math.randomseed(os.time() * 64 + number)
  if kind == "batch" then
    response = count_unexpected -- for batches only, as reading every response costs wrk more than sending a transfer
  end
end

local function wallet_id(n)
  return string.format("019a0000-0000-7000-8000-%012x", n)
end

local function transfer(hot)
  local from, to = math.random(0, wallets - 1), math.random(0, wallets - 1)
  if hot and math.random() < 0.5 then
    to = 0
  end
  if from == to then
    from = (from + 1) % wallets
  end
  return '{"type":"transfer","from_wallet_id":"' .. wallet_id(from) .. '","to_wallet_id":"' .. wallet_id(to)
    .. '","amount":"100","currency":"RWF"}'
end

local file = io.open(os.getenv("TEKANA_KEY_FILE"))
local credential = "Authorization: Bearer " .. file:read("l") .. "\r\n"
file:close()

local function post(path, body)
  sent = sent + 1
  return "POST " .. path .. " HTTP/1.1\r\nHost: benchmark\r\n" .. credential
    .. "Content-Type: application/json\r\nIdempotency-Key: " .. run .. "-" .. number .. "-" .. sent .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function request()
  if kind == "wallet" then
    return "GET /v1/wallets/" .. wallet_id(math.random(0, wallets - 1)) .. " HTTP/1.1\r\nHost: benchmark\r\n"
      .. credential .. "\r\n"
  end
  if kind == "deposit" then
    return post("/v1/transactions", '{"type":"deposit","wallet_id":"' .. wallet_id(math.random(0, wallets - 1))
      .. '","amount":"100","currency":"RWF"}')
  end
  if kind ~= "batch" then
    return post("/v1/transactions", transfer(kind == "hot"))
  end
  local transfers = {}
  for i = 1, 1000 do
    transfers[i] = transfer(false)
  end
  return post("/v1/batches", '{"mode":"independent","transactions":[' .. table.concat(transfers, ",") .. "]}")
end

function count_unexpected(status)
  if status ~= 201 and status < 400 then
    unexpected = unexpected + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  for _, thread in ipairs(threads) do
    failed = failed + thread:get("unexpected")
  end
  print(string.format(
    '{"answered":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed
  ))
end
