// Signing in, with the same credentials as the API.

import { api } from "./api.js";
import { announce, h, problem } from "./dom.js";
import { basic, bearer, session } from "./session.js";

/** A form that signs in. */
export function form({ reason = null, done = () => {} } = {}) {
  const name = h("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password" });
  const token = h("input", { name: "token", type: "password", autocomplete: "off" });
  const errors = h("div", {}, reason ? problem({ message: reason }) : null);
  const button = h("button", { class: "primary" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    errors.replaceChildren();
    const authorization = token.value ? bearer(token.value) : basic(name.value, password.value);
    try {
      const { user } = await api.config(authorization);
      session.begin(user, authorization);
      announce(`Signed in as ${user}.`);
      done();
    } catch (error) {
      errors.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
    }
  };
  return h(
    "form",
    { class: "sign-in", onsubmit: submit },
    errors,
    h("label", {}, "Name", name),
    h("label", {}, "Password", password),
    h(
      "details",
      {},
      h("summary", {}, "Use a token instead"),
      h("label", {}, "Bearer token", token),
    ),
    button,
    h("p", { class: "hint" }, "Kept in this tab only, and forgotten when you close it."),
  );
}

/** The same form in a dialog. */
export function dialog(reason = null) {
  if (document.querySelector("dialog.signing-in")) return;
  const box = h("dialog", { class: "signing-in", "aria-labelledby": "sign-in-title" });
  box.append(
    h("h2", { id: "sign-in-title" }, "Sign in"),
    form({ reason, done: () => box.close() }),
    h("button", { type: "button", class: "quiet close", onclick: () => box.close() }, "Cancel"),
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}
