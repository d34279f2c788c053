// A Slack server in one process. Standard input brings the seed as one line of JSON, then one events URL per line; each
// line is answered by one. The process leaves when its input ends, so it cannot outlive the test that started it.
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createEmulator } from "emulate";

// Only the plugin is ever handed the list of subscribers to events, and its file's name holds a hash.
const folder = new URL(".", import.meta.resolve("emulate"));
const file = readdirSync(folder).find(
  (name) => /^dist-.*\.js$/.test(name) && readFileSync(new URL(name, folder), "utf8").includes("slackPlugin"),
);
const { slackPlugin } = await import(new URL(file, folder));
const register = slackPlugin.register.bind(slackPlugin);
let subscribers;
slackPlugin.register = (app, store, webhooks, ...rest) => {
  subscribers = webhooks;
  register(app, store, webhooks, ...rest);
};

const answer = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const seed = JSON.parse((await lines.next()).value);
const { url } = await createEmulator({ service: "slack", port: 0, hostname: "127.0.0.1", seed: { slack: seed } });
answer({ port: Number(new URL(url).port) });
for await (const line of lines) {
  subscribers.register({ url: line, events: ["*"], active: true, owner: "slack" });
  answer({ subscribed: line });
}
process.exit();
