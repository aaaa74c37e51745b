// Places nodes and edges: reads [dot, ...] as JSON from stdin, writes [layout, ...] as JSON; null where a graph has none.
import { readFileSync } from "node:fs";
import { Graphviz } from "@hpcc-js/wasm-graphviz";

const graphviz = await Graphviz.load();
const place = (dot) => {
  try {
    return JSON.parse(graphviz.layout(dot, "json0", "dot"));
  } catch {
    return null;
  }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(place)));
