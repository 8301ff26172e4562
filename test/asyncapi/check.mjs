// Checks the AsyncAPI descriptions in docs/asyncapi: that they are well formed, that every example fits its schema, and that
// they say what the code says: golden files, recorded frames, field names and words in the Rust sources, the guides.
//
//   npm ci && npm run check

import { readFileSync, readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

const HERE = new URL('.', import.meta.url);
const ROOT = new URL('../../', HERE);
const DOCUMENTS = new URL('docs/asyncapi/', ROOT);
const GOLDEN = new URL('crates/messaging/tests/golden/events/', ROOT);

const ajv = formats.default(new Ajv({ strict: true, allowUnionTypes: true, strictTypes: false, allErrors: true }));
let faults = 0;
let checked = 0;

const read = (path, from = ROOT) => readFileSync(new URL(path, from), 'utf8');

function fault(where, what) {
  faults += 1;
  console.error(`${where}: ${what}`);
}

/** The schema without the parser's marks, where every object is closed: what is written must be described. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const kept = Object.entries(schema).filter(([key]) => !key.startsWith('x-parser-'));
  const copy = Object.fromEntries(kept.map(([key, value]) => [key, closed(value)]));
  if (copy.type === 'object' && copy.properties && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

/** A document: its messages by id, each with what validates it. */
async function load(file) {
  const { document, diagnostics } = await new Parser().parse(read(file, DOCUMENTS), { source: new URL(file, DOCUMENTS).pathname });
  for (const { severity, code, message, path, range } of diagnostics) {
    const line = `${file}:${range.start.line + 1}: ${code}: ${message} (${path.join('.')})`;
    if (severity === 0) fault('error', line);
    else if (severity === 1) console.log(`warning ${line}`);
  }
  const messages = new Map();
  for (const message of document?.allMessages() ?? []) {
    if (messages.has(message.id())) continue;
    const payload = closed(message.payload().json());
    try {
      const headers = message.headers();
      messages.set(message.id(), {
        schema: payload,
        fits: ajv.compile(payload),
        headersFit: headers && ajv.compile(closed(headers.json())),
        examples: message.examples().all(),
      });
    } catch (error) {
      fault(`${file}: ${message.id()}`, error.message);
    }
  }
  return { file, document, messages };
}

function must(fits, value, where) {
  checked += 1;
  if (fits(value)) return;
  for (const { instancePath, message, params } of fits.errors) {
    fault(where, `${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
  }
}

function examples({ file, messages }) {
  for (const [id, { fits, headersFit, examples }] of messages) {
    if (examples.length === 0) fault(file, `${id} has no example`);
    for (const [number, example] of examples.entries()) {
      const where = `${file}: ${id}, example ${example.name() ?? number + 1}`;
      must(fits, example.payload(), where);
      if (example.hasHeaders()) must(headersFit, example.headers(), `${where}, headers`);
    }
  }
}

/** The channel of an event: the exchange and the key that its golden file names. */
function channelOf(document, exchange, key) {
  return document.allChannels().all().find((channel) => {
    const amqp = channel.bindings().get('amqp')?.value();
    return amqp?.exchange?.name === exchange && key === channel.address().replace('{market}', 'BTC-USDT');
  });
}

function golden({ file, document, messages }) {
  const shown = [...messages.values()].flatMap(({ examples }) => examples.map((example) => example.payload()));
  for (const name of readdirSync(GOLDEN)) {
    const text = read(name, GOLDEN);
    const [exchange, key, kind] = text.slice(0, text.indexOf('\n')).split(' ');
    const body = JSON.parse(text.slice(text.indexOf('\n')));
    const channel = channelOf(document, exchange, key);
    const message = channel?.messages().all().find((one) => one.name() === kind);
    const described = message && messages.get(message.id());
    if (!described) {
      fault(file, `no channel of ${exchange} with key ${key} has a good message ${kind}: ${name}`);
      continue;
    }
    must(described.fits, body, `${name} as ${message.id()}`);
    if (!shown.some((example) => isDeepStrictEqual(example, body))) fault(file, `${name} is no example`);
  }
  const files = readdirSync(GOLDEN).length;
  if (shown.length !== files) fault(file, `${shown.length} examples, but ${files} golden files`);
}

const camel = (words) => words.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** The message that a frame is: a request, an answer, or a frame of a channel. */
function idOf(frame, isSent) {
  if (frame.op && isSent) return camel(frame.op);
  if (frame.op) return frame.status < 300 ? `${camel(frame.op)}Answer` : 'refusal';
  return `${frame.channel?.split(':')[0]}${frame.type?.charAt(0).toUpperCase()}${frame.type?.slice(1)}`;
}

function frame({ messages }, frame, isSent, where, isFaulty = false) {
  const message = messages.get(idOf(frame, isSent));
  if (isFaulty) {
    checked += 1;
    if (message?.fits(frame)) fault(where, 'is described, but the server refused it');
  } else if (message) {
    must(message.fits, frame, where);
  } else {
    fault(where, 'is not described');
  }
}

function recorded(described) {
  const seen = new Set();
  for (const [number, line] of read('recorded.jsonl', HERE).trim().split('\n').entries()) {
    const { sent, got, faulty } = JSON.parse(line);
    const where = `recorded.jsonl:${number + 1}`;
    frame(described, sent ?? got, Boolean(sent), where, faulty);
    if (!faulty) seen.add(idOf(sent ?? got, Boolean(sent)));
  }
  for (const id of described.messages.keys()) if (!seen.has(id)) fault('recorded.jsonl', `has no ${id}`);
}

/** The lines of JSON in a guide that leave nothing out. */
function guide(described, path) {
  for (const [, block] of read(path).matchAll(/^```json\n(.*?)^```/gms)) {
    for (const line of block.split('\n').filter((line) => line.startsWith('{') && !line.includes('...'))) {
      let value;
      try {
        value = JSON.parse(line);
      } catch {
        continue;
      }
      frame(described, value, value.status === undefined && value.op !== undefined, `${path}: ${line.slice(0, 60)}`);
    }
  }
}

/** The fields of a Rust struct by name: whether each may be null. `Place` is the only one that is flattened here. */
function fieldsOf(path, name) {
  const source = read(path);
  const [, body] = source.match(new RegExp(`struct ${name}(?:<[^>]*>)? \\{\\n(.*?)\\n\\}`, 's')) ?? [];
  if (!body) throw new Error(`${path} has no struct ${name}`);
  const fields = new Map();
  for (const [, field, type] of body.matchAll(/^ {4}(?:pub(?:\([a-z]+\))? )?(?:r#)?([a-z_]+): (.*),$/gm)) {
    fields.set(field, type.startsWith('Option<'));
  }
  return fields;
}

const takesNull = ({ type, oneOf }) =>
  type === undefined ? (oneOf ?? []).some((one) => takesNull(one)) : [type].flat().includes('null');

/** The schema has the fields of the struct, and says of each whether it may be null. */
function struct(where, schema, fields, { may = () => true } = {}) {
  checked += 1;
  for (const [field, isOption] of fields) {
    const property = schema?.properties?.[field];
    if (!property) fault(where, `the field ${field} of the code is not described`);
    else if (may(field) && takesNull(property) !== isOption) fault(where, `${field}: null is ${isOption ? '' : 'not '}allowed by the code`);
  }
  for (const field of Object.keys(schema?.properties ?? {})) {
    if (!fields.has(field)) fault(where, `the field ${field} is not in the code`);
  }
}

function words(where, described, inCode) {
  checked += 1;
  const known = described?.filter((word) => word !== null);
  if (!isDeepStrictEqual(known, inCode)) fault(where, `${JSON.stringify(known)}, but the code has ${JSON.stringify(inCode)}`);
}

/** The words of an enum that is made by a macro: `Variant = "word"`. */
function wordsOf(path, name) {
  const [, body] = read(path).match(new RegExp(`${name} \\{\\n(.*?)\\n {4}\\}`, 's')) ?? [];
  return [...(body ?? '').matchAll(/= "([^"]+)"/g)].map(([, word]) => word);
}

function codeOfWebSocket({ document, messages }) {
  const schemas = closed(document.json('components').schemas);
  const api = 'crates/api/src/';
  const order = fieldsOf(`${api}order_view.rs`, 'OrderView');
  struct('websocket.yaml: Order', schemas.Order, order, { may: (field) => field !== 'settled' });
  struct('websocket.yaml: OwnTrade', schemas.OwnTrade, fieldsOf(`${api}own_trades.rs`, 'OwnTradeView'));
  struct('websocket.yaml: Balance', schemas.Balance, fieldsOf(`${api}balances.rs`, 'BalanceView'));
  struct('websocket.yaml: Trade', schemas.Trade, fieldsOf(`${api}streams/market.rs`, 'TradeView'));
  struct('websocket.yaml: Candle', schemas.Candle, fieldsOf(`${api}candles.rs`, 'CandleView'));
  struct('websocket.yaml: PlaceOrder', schemas.PlaceOrder, fieldsOf(`${api}placement.rs`, 'PlaceOrderBody'));
  struct('websocket.yaml: BatchResult', schemas.BatchResult, fieldsOf(`${api}batch.rs`, 'ItemAnswer'), { may: () => false });
  const ticker = fieldsOf(`${api}streams/ticker.rs`, 'TickerView');
  for (const type of ['Snapshot', 'Update']) {
    const frame = (name) => messages.get(`${name}${type}`)?.schema;
    const streams = `${api}streams/market.rs`;
    struct(`websocket.yaml: ticker${type}`, frame('ticker'), new Map([['channel', false], ['type', false], ...ticker]));
    struct(`websocket.yaml: trades${type}`, frame('trades'), fieldsOf(streams, 'TradesFrame'));
    struct(`websocket.yaml: candles${type}`, frame('candles'), fieldsOf(streams, 'CandlesFrame'));
  }
  struct('websocket.yaml: depthSnapshot', messages.get('depthSnapshot')?.schema, fieldsOf(`${api}streams/depth.rs`, 'Snapshot'));
  struct('websocket.yaml: depthDelta', messages.get('depthDelta')?.schema, fieldsOf(`${api}streams/depth.rs`, 'Delta'));
  const requests = [...read(`${api}ws/request.rs`).matchAll(/^ {4}[A-Z]\w+ = "([a-z_]+)" \{(.*?)\}$/gms)];
  words('websocket.yaml: op', messages.get('refusal')?.schema.properties.op.enum, requests.map(([, op]) => op));
  for (const [, op, body] of requests) {
    const fields = [...body.matchAll(/([a-z_]+): ([^,]+)/g)].map(([, field, type]) => [field, type.startsWith('Option<')]);
    struct(`websocket.yaml: ${op}`, messages.get(camel(op))?.schema, new Map([['op', false], ['id', true], ...fields]));
  }
  enumerations('websocket.yaml', schemas);
  words('websocket.yaml: Interval', schemas.Interval.enum, [...read('crates/market-data/src/candles.rs').matchAll(/^ {4}\w+ = "(\w+)", /gm)].map(([, word]) => word));
}

function enumerations(file, schemas) {
  const order = 'crates/domain/src/order.rs';
  for (const name of ['Side', 'OrderType', 'Status', 'SelfTradePrevention']) {
    if (schemas[name]) words(`${file}: ${name}`, schemas[name].enum, wordsOf(order, name));
  }
  const reasons = ['RejectReason', 'CancelReason', 'ExpireReason'].flatMap((name) => wordsOf('crates/domain/src/reason.rs', name));
  words(`${file}: Reason`, schemas.Reason.enum, reasons);
}

function codeOfEvents({ document }) {
  const schemas = closed(document.json('components').schemas);
  const order = 'crates/messaging/src/events/order.rs';
  const place = [...fieldsOf('crates/messaging/src/events/mod.rs', 'Place')];
  const whole = (path, name) => new Map([...fieldsOf(path, name), ...place].filter(([field]) => field !== 'place'));
  struct('events.yaml: TradeExecuted', schemas.TradeExecuted, whole('crates/messaging/src/events/trade.rs', 'TradeBody'));
  for (const name of ['OrderAccepted', 'OrderAmended', 'OrderClosed']) {
    struct(`events.yaml: ${name}`, schemas[name], whole(order, 'OrderBody'));
    words(`events.yaml: ${name}.order_type`, schemas[name].properties.order_type.enum, wordsOf('crates/domain/src/order.rs', 'OrderType'));
    words(`events.yaml: ${name}.self_trade_prevention`, schemas[name].properties.self_trade_prevention.enum, wordsOf('crates/domain/src/order.rs', 'SelfTradePrevention'));
  }
  struct('events.yaml: OrderTriggered', schemas.OrderTriggered, whole(order, 'TriggeredBody'));
  struct('events.yaml: OrderPrevented', schemas.OrderPrevented, whole(order, 'PreventedBody'));
  enumerations('events.yaml', schemas);
}

const websocket = await load('websocket.yaml');
const events = await load('events.yaml');
if (websocket.document && events.document) {
  examples(websocket);
  examples(events);
  golden(events);
  recorded(websocket);
  guide(websocket, 'docs/websocket.md');
  codeOfWebSocket(websocket);
  codeOfEvents(events);
}
console.log(`${websocket.messages.size} + ${events.messages.size} messages, ${checked} comparisons, ${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
