// Steps and approvals in Restate, for `cargo xtask bench`. The server runs already; nothing of it is tuned, but
// that a run which waits is suspended at once instead of after a minute.
//
// Usage: restate_steps.mjs SDK INGRESS ADMIN PORT PART OPERATIONS TIMES
//
// Prints one JSON object with the seconds of each time.

const [sdk, ingress, admin, port, part, operations, times] = process.argv.slice(2);

// Node 20 has it not yet.
Promise.withResolvers ??= function () {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
};

const restate = await import(sdk);
const opened = new Map();
const woken = new Map();

const bench = restate.service({
  name: "bench",
  handlers: {
    steps: async (context, count) => {
      for (let number = 0; number < count; number++) await context.run(() => number);
    },
    gate: restate.handlers.handler({ inactivityTimeout: { milliseconds: 1 } }, async (context, name) => {
      const { id, promise } = context.awakeable();
      await context.run(() => opened.get(name)(id));
      await promise;
      await context.run(() => woken.get(name)(performance.now()));
    }),
  },
});

async function post(url, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return text;
}

async function runs(count, each) {
  const started = performance.now();
  await Promise.all(Array.from({ length: count }, () => post(`${ingress}/bench/steps`, each)));
  return performance.now() - started;
}

async function suspended() {
  const query = "SELECT id FROM sys_invocation WHERE status = 'suspended'";
  for (;;) {
    const headers = { "content-type": "application/json", accept: "application/json" };
    const answer = await fetch(`${admin}/query`, { method: "POST", headers, body: JSON.stringify({ query }) });
    if ((await answer.json()).rows.length > 0) return;
  }
}

async function approval(name) {
  const asked = new Promise((resolve) => opened.set(name, resolve));
  const effect = new Promise((resolve) => woken.set(name, resolve));
  const done = post(`${ingress}/bench/gate`, name);
  const id = await asked;
  await suspended();
  const started = performance.now();
  await post(`${ingress}/restate/awakeables/${id}/resolve`, true);
  const took = (await effect) - started;
  await done;
  return took;
}

await restate.serve({ services: [bench], port: Number(port) });
await post(`${admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
const count = Number(operations);
const work = {
  "one-run": () => runs(1, count),
  "runs-of-five": () => runs(count, 5),
  approval: (time) => approval(`gate-${time}`),
}[part];
if (count > 0) await runs(1, 5);
const seconds = [];
for (let time = 0; time < Number(times); time++) seconds.push((await work(time)) / 1000);
console.log(JSON.stringify({ seconds }));
process.exit(0);
