// The first module of every function's process. It listens on a socket, gives up the right to have
// made it, and imports the function, which finds itself where the platform would have put it.
const [entrypoint, socket, nonce] = Deno.args;
const { serve, exit, stdin, stdout, permissions } = Deno;
const encoder = new TextEncoder();

// The function's variables come as the first line, and not as this process's own: a variable can tell
// the system to load a library, and Deno to be another than it was started as.
const input = stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let line = "";
while (!line.includes("\n")) {
  const { value, done } = await input.read();
  if (done) exit(0);
  line += value;
}
for (const [name, value] of Object.entries(JSON.parse(line))) {
  Deno.env.set(name, value);
}

// The platform holds the other end: when it is gone, so is the function.
input.read().then(() => exit(0), () => exit(0));

let given;
const handler = new Promise((resolve) => given = resolve);
const take = (first, second) => {
  const options = typeof first === "function" ? second : first;
  given(typeof first === "function" ? first : second ?? first?.handler);
  options?.onListen?.({ hostname: "0.0.0.0", port: 8000, transport: "tcp" });
  return {
    addr: { hostname: "0.0.0.0", port: 8000, transport: "tcp" },
    finished: new Promise(() => {}),
    shutdown: () => Promise.resolve(),
    ref() {},
    unref() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};
Object.defineProperty(Deno, "serve", { value: take, configurable: false, writable: false });
Object.defineProperty(globalThis, "EdgeRuntime", {
  value: {
    waitUntil(work) {
      Promise.resolve(work).catch((error) => console.error(error));
      return work;
    },
  },
});

// As on the platform: a process has one thread of JavaScript, and memory for one.
delete globalThis.Worker;

await new Promise((listening) =>
  serve({ path: socket, onListen: listening }, async (request, info) => (await handler)(request, info))
);
for (const name of ["read", "write"]) {
  permissions.revokeSync({ name, path: socket });
}

const module = await import(entrypoint);
if (typeof module.default?.fetch === "function") {
  given((request, info) => module.default.fetch(request, info));
}
given((_request) => {
  console.error("the function has not called Deno.serve, and exports no default with fetch");
  return new Response("", { status: 500 });
});
stdout.writeSync(encoder.encode(`\n${nonce}\n`));
