// Questions before something is lost.

import { h, problem } from "./dom.js";

/** Asks, and runs `action` if the answer is yes. Stays open with the error if that fails. Resolves to whether it ran. */
export function confirm({ title, text, yes, danger = false, action }) {
  return new Promise((resolve) => {
    let ran = false;
    const errors = h("div");
    const go = h("button", { type: "button", class: danger ? "danger" : "primary" }, yes);
    const no = h("button", { type: "button", class: "quiet", autofocus: true, onclick: () => box.close() }, "Cancel");
    const box = h(
      "dialog",
      { class: "question", "aria-labelledby": "question-title", "aria-describedby": "question-text" },
      h("h2", { id: "question-title" }, title),
      h("p", { id: "question-text" }, text),
      errors,
      h("div", { class: "actions" }, no, go),
    );
    go.addEventListener("click", async () => {
      go.disabled = true;
      errors.replaceChildren();
      try {
        await action();
        ran = true;
        box.close();
      } catch (error) {
        errors.replaceChildren(problem(error));
        go.disabled = false;
        go.focus();
      }
    });
    box.addEventListener("close", () => {
      box.remove();
      resolve(ran);
    });
    document.body.append(box);
    box.showModal();
  });
}
