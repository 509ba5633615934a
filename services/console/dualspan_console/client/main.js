// The beginning: who is there, then what they see.
import { startKeys } from "./core/keys.js";
import { startRouter } from "./core/router.js";
import { loadSession } from "./core/session.js";
import { html, render } from "./core/view.js";
import { Failure } from "./parts/states.js";
import { Application } from "./shell/frame.js";

const root = document.getElementById("app");
/** Where this release's files are. */
const base = new URL(".", import.meta.url).pathname.replace(/\/$/, "");

startRouter();
startKeys();
try {
  await loadSession();
  render(html`<${Application} base=${base} />`, root);
} catch (problem) {
  render(
    html`<main class="sign-in">
      <section class="card"><${Failure} problem=${problem} again=${() => location.reload()} /></section>
    </main>`,
    root,
  );
}
