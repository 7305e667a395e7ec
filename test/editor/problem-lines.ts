import type { Editor } from "../support/editor.js";

/** Texts of the problem lines that can be seen in the open dialog. */
export async function problems(editor: Editor): Promise<string[]> {
  return await editor.page.$$eval(".red-ui-tray .headrace-problem", (lines) =>
    lines
      .filter((line) => (line as HTMLElement).offsetParent !== null && line.textContent?.trim() !== "")
      .map((line) => line.textContent?.trim() ?? ""),
  );
}
