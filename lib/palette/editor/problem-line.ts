import type { HeadraceError } from "../../engine/errors.js";
import { problemText } from "./texts.js";

/** Shows below a field what is wrong with it and what to do; hides the line when nothing is. */
export function showProblem(line: HTMLElement, field: HTMLElement | null, problems: readonly HeadraceError[]): void {
  const shown = problems.map((problem) => {
    const { message, next } = problemText(problem);
    const paragraph = document.createElement("p");
    const icon = document.createElement("i");
    icon.className = "fa fa-exclamation-triangle";
    icon.setAttribute("aria-hidden", "true");
    const what = document.createElement("strong");
    what.textContent = message;
    paragraph.append(icon, " ", what, " ", next);
    return paragraph;
  });
  // Unchanged text must not be written again: screen readers would read it at each key.
  const text = shown.map(({ textContent }) => textContent).join("\n");
  if (line.dataset["text"] !== text) {
    line.dataset["text"] = text;
    line.replaceChildren(...shown);
  }
  line.hidden = shown.length === 0;
  field?.classList.toggle("input-error", shown.length > 0);
  if (shown.length > 0) field?.setAttribute("aria-invalid", "true");
  else field?.removeAttribute("aria-invalid");
}
