/** What `kubectl port-forward` does, to a port of this machine: `port_forward.ts PORT`. */
const target = Number(Deno.args[0]);
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
// deno-lint-ignore no-console -- the line that kubectl prints
console.log(`Forwarding from 127.0.0.1:${listener.addr.port} -> ${target}`);
for await (const from of listener) {
  const to = await Deno.connect({ hostname: "127.0.0.1", port: target });
  from.readable.pipeTo(to.writable).catch(() => {});
  to.readable.pipeTo(from.writable).catch(() => {});
}
