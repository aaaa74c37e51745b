// The page: asks tracking and quotes through the same origin, under relative addresses (a load balancer may serve it below a prefix),
// and says plainly which of them is away. All judging of input is left to the services; what they refuse is shown at its field.

const POLL_MS = 5000;
const POLL_AWAY_MS = 10000;
const TIMEOUT_MS = 6000;
const PAGE = 10;
const MOST = 100; // the largest page tracking gives

const $ = (id) => document.getElementById(id);
const state = { shipments: [], limit: PAGE, tracking: "asking", quotes: "asking", ports: null };

/** An answer with a problem in it. `away` means: nobody there, as opposed to a refusal. */
class Refused extends Error {
  constructor(problem, away) {
    super(problem.detail || problem.title || "no answer");
    this.errors = problem.errors || [];
    this.away = away;
    this.status = problem.status;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(`./${path}`, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS), headers: { Accept: "application/json", ...options.headers } });
  } catch {
    throw new Refused({ detail: "no answer" }, true);
  }
  let body = null;
  try {
    body = await response.json();
  } catch {
    // a load balancer's own error page; judged by its status below
  }
  if (response.ok && body !== null) return body;
  throw new Refused(body || { title: response.statusText, status: response.status }, response.status >= 500 || (response.status === 404 && body === null));
}

const send = (path, body, headers = {}) =>
  ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } });

/** Where tracking wants a token for changes (it answers 401), the page asks for it; it stays in this tab's memory. */
const permission = () => ($("book-token").value ? { Authorization: `Bearer ${$("book-token").value}` } : {});

function askForToken(refusal) {
  if (refusal.status !== 401 && refusal.status !== 403) return;
  $("token-field").hidden = false;
  $("book-token").focus();
}

/** DOM elements without markup in strings, so that no text of a service can become markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function say(text) {
  $("news").textContent = text;
}

// --- which service is there ---

const WORDS = { asking: "asking…", live: "live", degraded: "degraded", away: "away" };

function mark(service, now) {
  const before = state[service];
  state[service] = now;
  const item = $(`${service}-state`);
  item.dataset.state = now;
  item.querySelector(".word").textContent = WORDS[now];
  if (before !== now && !(before === "asking" && now === "live")) say(`${service} is ${WORDS[now]}`);
  tellWhoIsAway();
}

function tellWhoIsAway() {
  const tracking = state.tracking === "away";
  const quotes = state.quotes === "away";
  const last = state.shipments.length ? "What you see is what it said last." : "Shipments will appear as soon as it is back.";
  notice("tracking-notice", tracking && "tracking is away.", quotes ? last : `${last} Prices can still be asked for.`);
  notice("quotes-notice", quotes && "quotes is away.", tracking ? "No prices until it is back." : "No prices until it is back; shipments are not concerned.");
}

function notice(id, strong, text) {
  const element = $(id);
  element.hidden = !strong;
  if (strong) element.replaceChildren(make("strong", {}, strong), ` ${text}`);
}

// --- shipments ---

async function refreshShipments() {
  try {
    const page = await ask(`tracking/shipments?limit=${state.limit}`);
    state.shipments = page.items;
    mark("tracking", "live");
    $("more").hidden = !page.next || state.limit >= MOST;
    $("updated").textContent = `as of ${new Date().toLocaleTimeString()}`;
    showShipments();
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    mark("tracking", "away");
  }
  $("table").classList.toggle("stale", state.tracking === "away");
}

function showShipments() {
  $("table").hidden = state.shipments.length === 0;
  $("empty").hidden = state.shipments.length > 0;
  const body = $("rows");
  const old = new Map([...body.children].map((row) => [row.dataset.id, row]));
  const first = old.size === 0;
  // Rows that did not change stay as they are, so that a keyboard's focus is not lost every few seconds.
  const rows = state.shipments.map((shipment) => {
    const row = old.get(shipment.id);
    if (row && row.dataset.version === String(shipment.version)) return row;
    const fresh = shipmentRow(shipment);
    if (!row && !first) fresh.className = "new";
    return fresh;
  });
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.id : null;
  if (rows.length !== body.children.length || rows.some((row, i) => row !== body.children[i])) body.replaceChildren(...rows);
  if (focused) (rows.find((row) => row.dataset.id === focused)?.querySelector("button") || $("shipments")).focus();
  offerShipments();
}

/** Where on its route a shipment is: a route may pass a port twice, but each move makes one version. */
function position(shipment) {
  const byVersion = shipment.version - 1;
  return shipment.route[byVersion] === shipment.location ? byVersion : shipment.route.lastIndexOf(shipment.location);
}

function shipmentRow(shipment) {
  const at = position(shipment);
  const route = make("ol", { class: "route" }, ...shipment.route.map((port, i) =>
    i === at ? make("li", { "aria-current": "location" }, make("span", {}, port)) : make("li", i < at ? { class: "passed" } : {}, port)));
  const next = shipment.route[at + 1];
  const action = make("td", { class: "action" });
  if (next && shipment.status !== "arrived") {
    const button = make("button", { type: "button", class: "plain", "aria-label": `Move ${shipment.id} to ${next}` }, `Move to ${next}`);
    button.addEventListener("click", () => move(shipment, next, button));
    action.append(button);
  }
  const id = make("td", { class: "id" }, shipment.id);
  if (shipment.container) id.append(make("small", {}, shipment.container));
  return make("tr", { "data-id": shipment.id, "data-version": String(shipment.version) },
    id,
    make("td", {}, route),
    make("td", { class: "cargo", "data-label": "Cargo" }, shipment.cargo),
    make("td", { class: "number", "data-label": "Weight" }, `${shipment.weight_kg.toLocaleString()} kg`),
    make("td", { "data-label": "Status" }, make("span", { class: `tag ${shipment.status}` }, shipment.status.replace("_", " "))),
    action);
}

async function move(shipment, next, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  notice("move-notice");
  try {
    await send(`tracking/shipments/${encodeURIComponent(shipment.id)}/moves`, { to: next }, { "If-Match": `"${shipment.version}"`, ...permission() });
    await refreshShipments();
    say(`${shipment.id} is now in ${next}`);
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    const why = refusal.away ? "tracking is away" : refusal.status === 412 ? "somebody else moved it first" : refusal.message;
    await refreshShipments();
    say(`${shipment.id} was not moved: ${why}`);
    notice("move-notice", `${shipment.id} was not moved:`, `${why}.`);
    askForToken(refusal);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// --- forms ---

function showErrors(form, refusal, service) {
  for (const field of form.querySelectorAll("[name]")) {
    field.removeAttribute("aria-invalid");
    $(`${field.id}-error`).hidden = true;
  }
  const general = $(`${form.id}-error`);
  general.hidden = true;
  if (!refusal) return;
  const elsewhere = [];
  for (const { field, message } of refusal.errors) {
    const input = form.elements.namedItem(field.split(/[.[]/)[0]);
    if (!input) {
      elsewhere.push(`${field}: ${message}`);
      continue;
    }
    input.setAttribute("aria-invalid", "true");
    const place = $(`${input.id}-error`);
    place.textContent = message.charAt(0).toUpperCase() + message.slice(1);
    place.hidden = false;
  }
  if (refusal.errors.length === 0 || elsewhere.length) {
    general.textContent = refusal.away ? `${service} is away: nothing was done. Try again in a moment.` : elsewhere.join("; ") || refusal.message;
    general.hidden = false;
  }
  const invalid = form.querySelector("[aria-invalid]");
  if (invalid) invalid.focus();
}

/** A number if it is one; else the text as it is, so that the service says what is wrong with it. */
const number = (text) => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text.trim());

function onSubmit(form, action) {
  const button = form.querySelector("[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await action(Object.fromEntries(new FormData(form)));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

// One key a filled-in form: sent again after a lost answer it books once.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
let bookingKey = newKey();
$("book").addEventListener("input", () => { bookingKey = newKey(); });

onSubmit($("book"), async (fields) => {
  const shipment = { route: fields.route.toUpperCase().split(/[\s,>→-]+/).filter(Boolean), cargo: fields.cargo.trim(), weight_kg: number(fields.weight_kg) };
  if (fields.container.trim()) shipment.container = fields.container.trim().toUpperCase();
  try {
    const booked = await send("tracking/shipments", shipment, { "Idempotency-Key": bookingKey, ...permission() });
    showErrors($("book"), null);
    for (const name of ["cargo", "weight_kg", "container"]) $("book").elements.namedItem(name).value = "";
    bookingKey = newKey();
    await refreshShipments();
    say(`${booked.id} is booked`);
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    showErrors($("book"), refusal, "tracking");
    askForToken(refusal);
    if (refusal.away) mark("tracking", "away");
  }
});

// --- prices ---

async function refreshQuotes() {
  try {
    const [info, ports] = await Promise.all([ask("quotes/info"), state.ports || ask("quotes/ports")]);
    if (!state.ports) offerPorts(ports);
    const healthy = info.tracking.configured && info.tracking.circuit === "closed";
    mark("quotes", healthy ? "live" : "degraded");
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    mark("quotes", "away");
  }
}

function offerPorts(ports) {
  state.ports = ports;
  for (const [id, chosen] of [["price-from", "NLRTM"], ["price-to", "SGSIN"]]) {
    $(id).replaceChildren(...Object.entries(ports).map(([code, name]) => make("option", { value: code }, `${name} (${code})`)));
    $(id).value = chosen;
  }
}

function offerShipments() {
  const select = $("price-shipment");
  const chosen = select.value;
  const ids = state.shipments.map((shipment) => shipment.id);
  if (chosen && !ids.includes(chosen)) ids.push(chosen);
  const offered = [...select.options].slice(1).map((option) => option.value);
  if (ids.join() === offered.join()) return;
  select.replaceChildren(make("option", { value: "" }, "none"), ...ids.map((id) => make("option", { value: id }, id)));
  select.value = chosen;
}

$("price-shipment").addEventListener("change", () => {
  const shipment = state.shipments.find((each) => each.id === $("price-shipment").value);
  if (!shipment) return;
  $("price-weight_kg").value = shipment.weight_kg;
  for (const [id, port] of [["price-from", shipment.location], ["price-to", shipment.route.at(-1)]]) {
    if (state.ports && port in state.ports) $(id).value = port;
  }
});

onSubmit($("price"), async (fields) => {
  const request = { from: fields.from || "", to: fields.to || "", weight_kg: number(fields.weight_kg), volume_m3: number(fields.volume_m3) };
  if (fields.shipment) request.shipment = fields.shipment;
  try {
    const quote = await send("quotes/quotes", request);
    showErrors($("price"), null);
    showQuote(quote);
    refreshQuotes();
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    $("quote").replaceChildren();
    showErrors($("price"), refusal, "quotes");
    if (refusal.away) mark("quotes", "away");
  }
});

function showQuote(quote) {
  const amount = make("p", { class: "amount" }, make("span", {}, money(quote.amount, quote.currency)));
  const box = make("div", { class: "price" }, amount);
  if (quote.degraded) {
    amount.append(make("span", { class: "tag degraded" }, "degraded"));
    box.append(make("p", { class: "notice" }, make("strong", {}, "Priced without tracking:"), ` ${quote.degraded_reason}. Your own figures were used.`));
  }
  const name = (code) => (state.ports && state.ports[code]) || code;
  box.append(make("p", { class: "quiet" },
    `${name(quote.from)} to ${name(quote.to)}, ${quote.distance_km.toLocaleString()} km, charged as ${quote.chargeable_kg.toLocaleString()} kg, valid until ${new Date(quote.valid_until).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`));
  const lines = make("dl");
  for (const line of quote.lines) lines.append(make("dt", {}, line.name), make("dd", {}, money(line.amount, quote.currency)));
  box.append(lines);
  $("quote").replaceChildren(box);
}

/** In the reader's own way of writing. The amount stays a decimal string: Intl reads it without making it a float. */
function money(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
}

// --- polling: only while somebody looks, slower while somebody is away ---

let timer = 0;

async function poll() {
  clearTimeout(timer);
  await Promise.all([refreshShipments(), refreshQuotes()]);
  clearTimeout(timer);
  const away = state.tracking === "away" || state.quotes === "away";
  if (!document.hidden) timer = setTimeout(poll, away ? POLL_AWAY_MS : POLL_MS);
}

$("more").addEventListener("click", () => {
  state.limit = Math.min(MOST, state.limit + PAGE * 2);
  refreshShipments();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
poll();
